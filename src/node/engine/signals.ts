import { constants } from "node:os";
import { BerthError } from "../../shared/domain/index.ts";

/**
 * "SIGTERM", "TERM" or "15" -> 15 (STOPSIGNAL of an image, docker stop --signal).
 * @throws BerthError image_invalid
 */
export function signalNumber(text: string): number {
  const number = /^\d{1,2}$/.test(text) ? Number(text) : namedSignal(text.toUpperCase());
  if (number === undefined || number < 1 || number > 64) throw new BerthError("image_invalid", `${JSON.stringify(text)} is not a signal`);
  return number;
}

function namedSignal(name: string): number | undefined {
  const full = name.startsWith("SIG") ? name : `SIG${name}`;
  const realTime = /^SIGRTMIN(?:\+(\d{1,2}))?$/.exec(full);
  if (realTime) return 34 + Number(realTime[1] ?? "0");
  return (constants.signals as Record<string, number>)[full];
}
