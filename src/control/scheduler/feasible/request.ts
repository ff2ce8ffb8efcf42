import type { ResourceRequest } from "../../../shared/domain/index.ts";
import { DEFAULT_PROJECT } from "../order/project-tree.ts";
import type { PendingJob } from "../snapshot.ts";
import type { FreeNode } from "./free-capacity.ts";
import { type GpuUnits, unitsAsked } from "./gpu-units.ts";
import type { SharedGpu } from "./shared-gpu.ts";

/**
 * What one or many jobs ask, prepared once a pass: a queue of a hundred thousand holds few different requests, and what
 * holds for one of them holds for all that share its key.
 */
export interface Request {
  /** Nodes in the order of preference, smaller first; absent is best fit. */
  rank?: (entry: FreeNode) => number;
  /** Which GPU of the node a part of one goes to; absent is the fullest that has room. */
  pickShare?: (entry: FreeNode) => SharedGpu | undefined;
  key: string;
  /** One of the jobs that ask this. */
  job: PendingJob;
  resources: ResourceRequest;
  units: GpuUnits;
  /** Who pays: parts of one GPU go to one project. */
  project: string;
  replicas: number;
  minReplicas: number;
  maxPerNode: number;
  /** GPUs that failed this job before. */
  avoidedGpus: ReadonlySet<string> | null;
  /** Kind of GPU (see FreeNode.kind) -> whether it serves this request. */
  kinds: Map<string, boolean>;
}

/** `key` spares making it again where it is known. Its `kinds` fill as GPUs are looked at. */
export function requestOf(job: PendingJob, key = requestKey(job)): Request {
  const avoided = (job.avoid ?? []).flatMap(({ gpuUuid }) => gpuUuid ?? []);
  return {
    key,
    job,
    resources: job.resources,
    units: unitsAsked(job.resources),
    project: job.project ?? DEFAULT_PROJECT,
    replicas: job.replicas,
    minReplicas: job.minReplicas ?? job.replicas,
    maxPerNode: job.rules?.maxPerNode ?? Number.POSITIVE_INFINITY,
    avoidedGpus: avoided.length === 0 ? null : new Set(avoided),
    kinds: new Map(),
  };
}

/** Without what belongs to the cycle that made it. */
export function detached(request: Request): Request {
  const { key, job, resources, units, project, replicas, minReplicas, maxPerNode, avoidedGpus, kinds } = request;
  return { key, job, resources, units, project, replicas, minReplicas, maxPerNode, avoidedGpus, kinds };
}

/** Equal for jobs that the same nodes admit. "" for the many without wishes. */
export function rulesKey({ rules, avoid, barredBy, imageArchitectures, userns }: PendingJob): string {
  const plain = rules === undefined && (avoid === undefined || avoid.length === 0) && barredBy === undefined;
  if (plain && imageArchitectures === undefined && userns === undefined) return "";
  return JSON.stringify([rules, avoid, barredBy, imageArchitectures, userns]);
}

/** Equal for jobs whose replicas are feasible in exactly the same places, however many a job has. */
export function replicaKey(job: PendingJob): string {
  const { minReplicas: _least, ...one } = job;
  return requestKey({ ...one, replicas: 1 });
}

/** Equal for jobs that are feasible in exactly the same places. Joined by hand: JSON.stringify is five times slower. */
export function requestKey(job: PendingJob): string {
  const { resources } = job;
  const { gpus, gpuModel, gpuMemoryBytes, gpuMemoryMaxBytes, gpuConditions, cpuMillis, memoryBytes, shmBytes, ...more } = resources;
  const plain = `${job.replicas}/${job.minReplicas ?? ""} ${gpus} ${gpuMemoryBytes}..${gpuMemoryMaxBytes ?? ""} ${cpuMillis} ${memoryBytes} ${gpuModel}`;
  const rare = [
    gpuConditions,
    job.rules,
    job.imageRequirements,
    job.imageArchitectures,
    job.imageLayers,
    job.avoid?.length ? job.avoid : undefined,
    job.barredBy,
    job.userns,
  ];
  const whose = resources.gpuShare === undefined ? "" : ` ${job.project ?? DEFAULT_PROJECT}`;
  const named = Object.keys(more).length === 0 ? "" : JSON.stringify(more) + whose;
  return rare.every((part) => part === undefined) ? plain + named : `${plain}${named} ${JSON.stringify(rare)}`;
}
