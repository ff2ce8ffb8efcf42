import { formatBytes, type ResourceRequest } from "../../../shared/domain/index.ts";

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** 1500 -> "1.5". */
export function cpus(millis: number): string {
  return String(Math.round(Math.max(0, millis)) / 1000);
}

/** 1000 -> "1 CPU", 1500 -> "1.5 CPUs". */
export function cpusAsked(millis: number): string {
  return `${cpus(millis)} CPU${millis === 1000 ? "" : "s"}`;
}

export function memory(bytes: number): string {
  return formatBytes(Math.max(0, bytes));
}

/** "2 GPUs with 'h100' in the model and at least 80.0 GiB". */
export function gpusAsked({ gpus, gpuModel, gpuMemoryBytes }: ResourceRequest): string {
  const wishes = [
    gpuModel === null ? [] : [`'${gpuModel}' in the model`],
    gpuMemoryBytes === null ? [] : [`at least ${memory(gpuMemoryBytes)} of memory`],
  ].flat();
  return wishes.length === 0 ? count(gpus, "GPU") : `${count(gpus, "GPU")} with ${wishes.join(" and ")}`;
}

/** At most `most` of them, "and 3 more" for the rest. */
export function listed(items: readonly string[], most: number): string {
  const rest = items.length - most;
  return rest > 0 ? `${items.slice(0, most).join(", ")} and ${rest} more` : items.join(", ");
}

/** "12:03:05 UTC": a reason names a moment, not an age, so that it does not change from pass to pass. */
export function clockTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(11, 19)} UTC`;
}
