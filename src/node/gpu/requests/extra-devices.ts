import { BerthError } from "../../../shared/domain/index.ts";
import { invalid, listItems, quoted } from "../../../shared/gpu-requirements/index.ts";

/** Devices beside the GPUs that NVIDIA_<NAME>=enabled asks for. */
export const EXTRA_DEVICES = ["gds", "mofed", "gdrcopy", "nvswitch"] as const;
export type ExtraDevice = (typeof EXTRA_DEVICES)[number];

/** What an operator can let jobs have beside their GPUs. */
const ALLOWED_EXTRAS = [...EXTRA_DEVICES, "imex"] as const;
export type AllowedExtra = (typeof ALLOWED_EXTRAS)[number];

/** Largest IMEX channel number (nvidia-container-toolkit: 2^20 - 1). */
const LAST_CHANNEL = 2 ** 20 - 1;

/** NVIDIA_GDS, NVIDIA_MOFED, NVIDIA_GDRCOPY and NVIDIA_NVSWITCH: exactly "enabled" asks, everything else does not. */
export function extraDevices(env: Readonly<Record<string, string>>): ExtraDevice[] {
  return EXTRA_DEVICES.filter((name) => env[`NVIDIA_${name.toUpperCase()}`] === "enabled");
}

/**
 * NVIDIA_IMEX_CHANNELS: numbers, each once and in order. "all" is dropped, as in nvidia-container-toolkit.
 * @throws BerthError gpu_request_invalid
 */
export function parseImexChannels(value: string | undefined): number[] {
  const channels = listItems("NVIDIA_IMEX_CHANNELS", value ?? "")
    .filter((item) => item !== "all")
    .map(parseChannel);
  return [...new Set(channels)].sort((a, b) => a - b);
}

function parseChannel(text: string): number {
  if (/^\d{1,7}$/.test(text) && Number(text) <= LAST_CHANNEL) return Number(text);
  throw invalid(`NVIDIA_IMEX_CHANNELS: ${quoted(text)} is no channel from 0 to ${LAST_CHANNEL}`);
}

/**
 * NVIDIA_MIG_CONFIG_DEVICES and NVIDIA_MIG_MONITOR_DEVICES give the right to partition, or to watch, every GPU of the machine:
 * only privileged containers may have it (hooks/berth-runtime gives it to those), and a job is none.
 * @throws BerthError forbidden
 */
export function refuseMigRights(env: Readonly<Record<string, string>>): void {
  const name = ["NVIDIA_MIG_CONFIG_DEVICES", "NVIDIA_MIG_MONITOR_DEVICES"].find((right) => listItems(right, env[right] ?? "").length > 0);
  if (name !== undefined) throw new BerthError("forbidden", `${name}=${quoted(env[name] ?? "")} needs a privileged container`);
}
