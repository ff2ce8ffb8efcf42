import { BerthError } from "./errors.ts";

const BYTE_UNITS: Record<string, number> = {
  "": 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  ki: 2 ** 10,
  kib: 2 ** 10,
  m: 1e6,
  mb: 1e6,
  mi: 2 ** 20,
  mib: 2 ** 20,
  g: 1e9,
  gb: 1e9,
  gi: 2 ** 30,
  gib: 2 ** 30,
  t: 1e12,
  tb: 1e12,
  ti: 2 ** 40,
  tib: 2 ** 40,
  p: 1e15,
  pb: 1e15,
  pi: 2 ** 50,
  pib: 2 ** 50,
};

/**
 * "8Gi" -> 8589934592. Kubernetes suffixes (Ki Mi Gi) are powers of two, bare ones (k M G) powers of ten, as there.
 * @throws BerthError invalid_request
 */
export function parseBytes(text: string | number): number {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s?([A-Za-z]{0,3})$/.exec(String(text).trim());
  const unit = match ? BYTE_UNITS[(match[2] ?? "").toLowerCase()] : undefined;
  const bytes = match && unit !== undefined ? Math.round(Number(match[1]) * unit) : Number.NaN;
  if (!Number.isSafeInteger(bytes)) {
    throw new BerthError("invalid_request", `${JSON.stringify(text)} is not a size; write it like 512Mi or 8Gi`);
  }
  return bytes;
}

/**
 * "500m" -> 500, "2" -> 2000, 0.5 -> 500 (thousandths of a CPU).
 * @throws BerthError invalid_request
 */
export function parseCpuMillis(text: string | number): number {
  const match = /^(\d{1,7}(?:\.\d{1,3})?)(m?)$/.exec(String(text).trim());
  const millis = match ? Number(match[1]) * (match[2] === "m" ? 1 : 1000) : Number.NaN;
  if (!Number.isInteger(Math.round(millis)) || Math.abs(millis - Math.round(millis)) > 1e-6) {
    throw new BerthError("invalid_request", `${JSON.stringify(text)} is not a CPU amount; write it like 2, 0.5 or 500m`);
  }
  return Math.round(millis);
}

const DURATION_SECONDS: Record<string, number> = { d: 86400, h: 3600, m: 60, s: 1 };

/**
 * "2h30m" -> 9000, "90s" -> 90, 90 -> 90 (seconds). Slurm's "D-HH:MM:SS", "HH:MM:SS" and "MM:SS" work too.
 * @throws BerthError invalid_request
 */
export function parseDurationSeconds(text: string | number): number {
  const trimmed = String(text).trim();
  const seconds = durationOf(trimmed);
  if (seconds === null || !Number.isSafeInteger(seconds)) {
    throw new BerthError("invalid_request", `${JSON.stringify(text)} is not a duration; write it like 90s, 2h30m or 1-12:00:00`);
  }
  return seconds;
}

function durationOf(text: string): number | null {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  const clock = /^(?:(\d{1,5})-)?(?:(\d{1,5}):)?(\d{1,5}):(\d{1,2})$/.exec(text);
  if (clock) {
    const [, days = "0", hours = "0", minutes = "0", secs = "0"] = clock;
    return Number(days) * 86400 + Number(hours) * 3600 + Number(minutes) * 60 + Number(secs);
  }
  if (!/^(?:\d{1,9}[dhms])+$/.test(text)) return null;
  const parts = [...text.matchAll(/(\d+)([dhms])/g)];
  const units = parts.map((part) => part[2]).join("");
  if (!/^d?h?m?s?$/.test(units)) return null;
  return parts.reduce((sum, part) => sum + Number(part[1]) * (DURATION_SECONDS[part[2] ?? "s"] ?? 0), 0);
}

/** 8589934592 -> "8.0 GiB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return power === 0 ? `${bytes} B` : `${(bytes / 2 ** (10 * power)).toFixed(1)} ${units[power]}`;
}

/** 9000 -> "2h30m", 75 -> "1m15s", 0.4 -> "0.4s". */
export function formatDuration(seconds: number): string {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10}s`;
  const whole = Math.round(seconds);
  const parts: [number, string][] = [
    [Math.floor(whole / 86400), "d"],
    [Math.floor((whole % 86400) / 3600), "h"],
    [Math.floor((whole % 3600) / 60), "m"],
    [whole % 60, "s"],
  ];
  return parts
    .filter(([count]) => count > 0)
    .slice(0, 2)
    .map(([count, unit]) => `${count}${unit}`)
    .join("");
}
