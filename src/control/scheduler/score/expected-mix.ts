import type { ResourceRequest } from "../../../shared/domain/index.ts";
import { gpuMemoryFits, modelMatches } from "../feasible/gpu-fit.ts";
import type { ActiveJob, ClusterSnapshot, PendingJob } from "../snapshot.ts";
import { type Ask, WHOLE_GPU } from "./room.ts";
import type { TypicalAsk } from "./typical-asks.ts";

/** Jobs looked at of each kind: a sample of a long queue tells the mix as well as all of it. */
const SAMPLE = 512;

/** The most frequent requests; rarer ones together say little about a node's worth. */
const MOST_KINDS = 256;

/** What a request is checked against: the model and memory of a GPU. */
export type GpuModel = Parameters<typeof modelMatches>[0];

/**
 * The mix of requests that the cluster sees, measured on what runs and what waits: what is likely to be asked next. Each job
 * counts once for each replica. No GPU wish, no entry: CPU-only jobs do not tell what GPUs are for.
 * `models`: one GPU of each kind in the cluster.
 */
export function expectedFrom({ pending, active }: Pick<ClusterSnapshot, "pending" | "active">, models: readonly GpuModel[]): TypicalAsk[] {
  const counts = new Map<string, { ask: Ask; count: number }>();
  const add = (resources: ResourceRequest, replicas: number) => {
    // MIG devices were cut for their jobs: they tell nothing of what whole GPUs are for.
    if (resources.gpus === 0 || resources.migProfile !== undefined) return;
    const { gpus, cpuMillis, gpuModel, gpuMemoryBytes, gpuMemoryMaxBytes, gpuShare } = resources;
    const key = `${gpus} ${gpuShare?.millis ?? ""} ${cpuMillis} ${gpuModel} ${gpuMemoryBytes} ${gpuMemoryMaxBytes ?? ""}`;
    const known = counts.get(key);
    if (known !== undefined) known.count += replicas;
    else counts.set(key, { ask: askOf(resources, models), count: replicas });
  };
  for (const { resources, assignments } of sampled<ActiveJob>(active)) add(resources, assignments.length);
  for (const { resources, replicas } of sampled<PendingJob>(pending)) add(resources, replicas);
  // In the order of keys: sums of doubles depend on it, and the plan must not depend on the order of the lists.
  const all = [...counts]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, entry]) => entry)
    .sort((left, right) => right.count - left.count)
    .slice(0, MOST_KINDS);
  const total = all.reduce((sum, { count }) => sum + count, 0);
  return all.map(({ ask, count }) => ({ ask, weight: count / total }));
}

function askOf(resources: ResourceRequest, models: readonly GpuModel[]): Ask {
  const serving = models.filter((gpu) => modelMatches(gpu, resources) && gpuMemoryFits(gpu, resources));
  const gpuModels = serving.length === models.length ? null : new Set(serving.map(({ model }) => model));
  return {
    cpuMillis: resources.cpuMillis,
    memoryBytes: 0,
    gpus: resources.gpus,
    gpuMillis: resources.gpuShare?.millis ?? WHOLE_GPU,
    gpuModels,
  };
}

/** Evenly over the whole list, so that neither old nor new ones are left out. */
function sampled<Item>(items: readonly Item[]): readonly Item[] {
  if (items.length <= SAMPLE) return items;
  const step = items.length / SAMPLE;
  return Array.from({ length: SAMPLE }, (_, place) => items[Math.floor(place * step)] as Item);
}
