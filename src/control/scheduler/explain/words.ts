import {
  formatBytes,
  type GpuCondition,
  gpuCountText,
  type PlacementRules,
  type ResourceRequest,
  WHOLE_GPU_MILLIS,
} from "../../../shared/domain/index.ts";

/** count(1, "GPU") -> "1 GPU", count(2, "GPU") -> "2 GPUs". */
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

/** Bytes as "24.0 GiB"; what is overdrawn is told as none. */
export function memory(bytes: number): string {
  return formatBytes(Math.max(0, bytes));
}

/** "2 GPUs with 'h100' in the model and at least 80.0 GiB". */
export function gpusAsked(resources: ResourceRequest): string {
  const { gpuModel, gpuMemoryBytes, gpuMemoryMaxBytes, gpuConditions = [] } = resources;
  const wishes = [
    gpuModel === null ? [] : [`'${gpuModel}' in the model`],
    gpuMemoryBytes === null && gpuMemoryMaxBytes === undefined ? [] : [`${memoryAsked(resources)} of memory`],
    gpuConditions.map(conditionAsked),
  ].flat();
  const units = unitsText(resources);
  return wishes.length === 0 ? units : `${units} with ${wishes.join(" and ")}`;
}

/** "2 GPUs", "0.5 of a GPU", "0.5 of a GPU by mps", "1 MIG device 1g.10gb". */
export function unitsText({ gpus, gpuShare, migProfile }: ResourceRequest): string {
  if (migProfile !== undefined) return `${count(gpus, "MIG device")} ${migProfile}`;
  if (gpuShare === undefined) return count(gpus, "GPU");
  return `${gpuCountText(gpuShare.millis / WHOLE_GPU_MILLIS)} of a GPU${gpuShare.sharing === "mps" ? " by mps" : ""}`;
}

/** " with port 8080/tcp"; "" without. */
export function portsAsked({ hostPorts = [] }: ResourceRequest): string {
  return hostPorts.length === 0 ? "" : ` with port${hostPorts.length === 1 ? "" : "s"} ${listed(hostPorts, 3)}`;
}

/** "at least 24.0 GiB", "24.0 GiB to 80.0 GiB". */
export function memoryAsked({ gpuMemoryBytes, gpuMemoryMaxBytes }: ResourceRequest): string {
  if (gpuMemoryMaxBytes === undefined) return `at least ${memory(gpuMemoryBytes ?? 0)}`;
  return gpuMemoryBytes === null ? `at most ${memory(gpuMemoryMaxBytes)}` : `${memory(gpuMemoryBytes)} to ${memory(gpuMemoryMaxBytes)}`;
}

/** "compute capability >= 8.0". */
function conditionAsked({ subject, operator, value }: GpuCondition): string {
  return `${subject.replace("-", " ")} ${operator} ${value}`;
}

/** " on nodes of one 'rack'", with the space before; "" without such a wish. */
export function topologyAsked(rules: PlacementRules | undefined): string {
  const { sameLabel = null, spreadLabel = null, maxPerNode = null } = rules ?? {};
  return [
    maxPerNode === null ? "" : `, at most ${maxPerNode} on a node,`,
    sameLabel === null ? "" : ` on nodes of one '${sameLabel}'`,
    spreadLabel === null ? "" : ` spread evenly over '${spreadLabel}'`,
  ].join("");
}

/** "4 driver 535 < 550, 2 tainted gpu": most frequent first, at most five kinds. */
export function byDetail(details: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const detail of details) counts.set(detail, (counts.get(detail) ?? 0) + 1);
  const sorted = [...counts].sort((left, right) => right[1] - left[1] || (left[0] < right[0] ? -1 : 1));
  return listed(
    sorted.map(([detail, number]) => `${number} ${detail}`),
    5,
  );
}

/** At most `most` of them, "and 3 more" for the rest. */
export function listed(items: readonly string[], most: number): string {
  const rest = items.length - most;
  return rest > 0 ? `${items.slice(0, most).join(", ")} and ${rest} more` : items.join(", ");
}

/** "14:20 UTC". */
function clockMinute(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(11, 16)} UTC`;
}

/** "2026-11-22 14:20 UTC". */
export function clockDay(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 10)} ${clockMinute(milliseconds)}`;
}

/** "14:20 UTC" of today, "2026-11-25 14:20 UTC" of another day. */
export function clockSoon(milliseconds: number, now: number): string {
  return clockDay(milliseconds).slice(0, 10) === clockDay(now).slice(0, 10) ? clockMinute(milliseconds) : clockDay(milliseconds);
}

/** "12:03:05 UTC": a reason names a moment, not an age, so that it does not change from pass to pass. */
export function clockTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(11, 19)} UTC`;
}
