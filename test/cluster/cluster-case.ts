import {
  type ActiveJob,
  type ClusterSnapshot,
  type MigUnit,
  NO_LIMITS,
  type NodeCapacity,
  type PendingJob,
  type PlacementKinds,
  type ProjectShare,
  type ReservedWindow,
} from "../../src/control/scheduler/index.ts";
import {
  type Gpu,
  type GpuCondition,
  NO_RULES,
  type NodeState,
  type PlacementRules,
  type ResourceRequest,
} from "../../src/shared/domain/index.ts";
import { GIB, gpuOf, resourcesOf } from "../support/control-samples.ts";

/** The moment of every case; ages are given as seconds before it. 2023-11-14T22:13:20Z. */
export const NOW = 1_700_000_000_000;

interface CaseNode {
  gpus?: number;
  cpus?: number;
  memoryGi?: number;
  state?: NodeState;
  lastSeenSecondsAgo?: number;
  gpu?: Partial<Gpu>;
  /** Index of the GPU -> what ails it. */
  sick?: Record<number, string>;
  labels?: Record<string, string>;
  taints?: Record<string, string>;
  architecture?: string;
  diskFreeGi?: number;
  driver?: string;
  cuda?: string;
  /** "cordoned", "draining" or a quarantine. */
  closed?: string;
  /** Index of the GPU -> the profiles it is split into. */
  mig?: Record<number, string[]>;
  /** The operator lets jobs of different projects share its GPUs. */
  sharesAcrossProjects?: true;
  /** False: NVIDIA MPS is not installed. */
  mps?: false;
  /** User namespaces that its operator allows; left out when it does not say. */
  userns?: ("private" | "host")[];
  /** Large image layers it holds. */
  layers?: string[];
}

interface CaseRequest {
  /** 0.5 is half a GPU, of which `gpuMemoryGi` is then taken. */
  gpus?: number;
  sharing?: "time-slice" | "mps";
  mig?: string;
  model?: string;
  gpuMemoryGi?: number;
  gpuMemoryMaxGi?: number;
  /** "driver >= 550". */
  conditions?: string[];
  cpus?: number;
  memoryGi?: number;
  /** "8080/tcp": ports of the node. */
  ports?: string[];
}

interface CaseRunning extends CaseRequest {
  /** "a:0,1" is GPUs 0 and 1 of node a, "a:0.1" MIG device 1 of GPU 0; "a" is the node without GPUs. One for each replica. */
  on: string[];
  project?: string;
  priority?: number;
  stopping?: true;
  /** It writes checkpoints; times are minutes before NOW. */
  checkpoints?: { startedAgo: number; savedAgo?: number; movedAgo?: number; rules?: Partial<PlacementRules> };
}

interface CasePending extends CaseRequest {
  replicas?: number;
  priority?: number;
  waitedSeconds?: number;
  minReplicas?: number;
  rules?: Partial<PlacementRules>;
  /** What its image requires: all, any of, all of. */
  image?: string[][][];
  /** Layers of its image -> GiB. */
  layers?: Record<string, number>;
  /** CPU architectures of its image. */
  imageFor?: string[];
  userns?: "private" | "host";
  /** What failed it before: "a:0" a GPU, "a" a node. */
  avoid?: string[];
  limitMinutes?: number;
  project?: string;
  /** It was moved so many minutes before NOW. */
  movedAgo?: number;
  /** Nodes that others move away from for it, since so many minutes. */
  promised?: string[];
  promisedAgo?: number;
  /** Nodes on which borrowers were stopped for it just now. */
  takesBack?: string[];
}

/** Minutes from NOW; without projects it is a maintenance window. */
interface CaseWindow {
  nodes: string[];
  fromMinutes: number;
  toMinutes: number;
  projects?: string[];
}

/** One whole cluster, the queue, and what must come out. Jobs are ordered by their ids where age and priority are equal. */
export interface ClusterCase {
  name: string;
  nodes: Record<string, CaseNode>;
  running?: Record<string, CaseRunning>;
  queue: Record<string, CasePending>;
  reservations?: Record<string, CaseWindow>;
  /** Project -> GPUs that are its own. */
  projects?: Record<string, number>;
  /** Moves that the operator allows within this hour. */
  movesLeft?: number;
  /** Pack or spread, for all nodes or by their label berth.pool. */
  placement?: PlacementKinds;
  /** Job -> for whom it is moved away. */
  moved?: Record<string, string>;
  /** Job -> for whom it is stopped, because a quota is taken back. */
  stops?: Record<string, string>;
  /** Job -> its places by rank, written as in `on`. */
  placed?: Record<string, string[]>;
  /** Job -> its reason. */
  waits?: Record<string, string>;
}

export function snapshotOf({ nodes, running = {}, queue, reservations, projects, movesLeft, placement }: ClusterCase): ClusterSnapshot {
  return {
    ...(placement === undefined ? {} : { placement }),
    ...(movesLeft === undefined ? {} : { defragment: { movesPerHour: 10, movesLastHour: 10 - movesLeft } }),
    ...(reservations === undefined ? {} : { reservations: Object.entries(reservations).map(([name, window]) => windowOf(name, window)) }),
    ...(projects === undefined ? {} : { projects: Object.entries(projects).map(([name, gpus]) => projectOf(name, gpus)) }),
    nodes: Object.entries(nodes).map(([id, node]) => nodeOf(id, node)),
    active: Object.entries(running).map(([id, job]) => activeOf(id, job)),
    pending: Object.entries(queue).map(([id, job]) => pendingOf(id, job)),
  };
}

function projectOf(name: string, guaranteedGpus: number): ProjectShare {
  return { name, parent: null, weight: 1, guaranteedGpus, limits: NO_LIMITS, usage: 0 };
}

function windowOf(name: string, { nodes, fromMinutes, toMinutes, projects = [] }: CaseWindow): ReservedWindow {
  return { name, nodes, from: NOW + fromMinutes * 60_000, to: NOW + toMinutes * 60_000, projects };
}

function nodeOf(id: string, node: CaseNode): NodeCapacity {
  const gpus = Array.from({ length: node.gpus ?? 0 }, (_, index) => {
    const problem = node.sick?.[index] ?? (node.mig?.[index] === undefined ? null : "split into MIG devices");
    return gpuOf(id, index, { ...node.gpu, healthy: problem === null, problem });
  });
  const lastSeenAt = NOW - (node.lastSeenSecondsAgo ?? 1) * 1000;
  return {
    id,
    name: id,
    address: "10.0.0.1",
    state: node.state ?? "ready",
    lastSeenAt,
    cpuMillis: (node.cpus ?? 64) * 1000,
    memoryBytes: (node.memoryGi ?? 256) * GIB,
    gpus,
    labels: node.labels ?? {},
    taints: Object.entries(node.taints ?? {}).map(([key, value]) => ({ key, value })),
    driverVersion: node.driver ?? null,
    cudaVersion: node.cuda ?? null,
    ...(node.architecture === undefined ? {} : { architecture: node.architecture }),
    ...(node.diskFreeGi === undefined ? {} : { diskFreeBytes: node.diskFreeGi * GIB }),
    ...(node.sharesAcrossProjects === undefined ? {} : { sharesAcrossProjects: true }),
    ...(node.layers === undefined ? {} : { imageLayers: [...node.layers].sort() }),
    ...(node.userns === undefined ? {} : { usernsModes: node.userns }),
    ...(node.mps === false ? { withoutMps: true } : {}),
    ...(node.mig === undefined
      ? {}
      : { migDevices: Object.entries(node.mig).flatMap(([gpu, profiles]) => migOf(id, Number(gpu), profiles)) }),
    ...(node.closed === undefined ? {} : { closed: node.closed }),
  };
}

function migOf(node: string, index: number, profiles: string[]): MigUnit[] {
  const whole = gpuOf(node, index);
  return profiles.map((profile, place) => {
    const memoryBytes = Number(/(\d+)gb/.exec(profile)?.[1]) * GIB;
    return { ...whole, uuid: `MIG-${node}-${index}.${place}`, profile, memoryBytes, gpuUuid: whole.uuid };
  });
}

/** "driver >= 550" */
function conditionOf(text: string): GpuCondition {
  const [subject = "", operator = "", value = ""] = text.split(" ");
  return { subject, operator, value } as GpuCondition;
}

function requestOf(request: CaseRequest): ResourceRequest {
  const { gpus = 0, model = null, gpuMemoryGi, cpus = 1, memoryGi = 1, sharing = "time-slice" } = request;
  const gpuMemoryBytes = gpuMemoryGi === undefined ? null : gpuMemoryGi * GIB;
  const whole = Number.isInteger(gpus);
  return resourcesOf({
    ...(whole ? {} : { gpuShare: { millis: gpus * 1000, memoryBytes: gpuMemoryBytes, sharing } }),
    ...(request.mig === undefined ? {} : { migProfile: request.mig }),
    ...{ gpus: whole ? gpus : 1, gpuModel: model, gpuMemoryBytes, cpuMillis: cpus * 1000, memoryBytes: memoryGi * GIB },
    ...(request.gpuMemoryMaxGi === undefined ? {} : { gpuMemoryMaxBytes: request.gpuMemoryMaxGi * GIB }),
    ...(request.ports === undefined ? {} : { hostPorts: request.ports }),
    ...(request.conditions === undefined ? {} : { gpuConditions: request.conditions.map(conditionOf) }),
  });
}

function activeOf(id: string, job: CaseRunning): ActiveJob {
  const assignments = job.on.map((place, rank) => {
    const [nodeId = "", indexes = ""] = place.split(":");
    const gpuUuids = indexes === "" ? [] : indexes.split(",").map((index) => `${index.includes(".") ? "MIG" : "GPU"}-${nodeId}-${index}`);
    return { rank, nodeId, nodeAddress: "10.0.0.1", gpuUuids };
  });
  const gpus = job.gpus ?? assignments[0]?.gpuUuids.length ?? 0;
  const known = job.project === undefined ? {} : { project: job.project };
  return {
    id,
    resources: requestOf({ ...job, gpus }),
    assignments,
    priority: job.priority ?? 0,
    ...known,
    startedAt: NOW - 3_600_000,
    ...(job.stopping ? { stopping: true } : {}),
    ...savingOf(id, job, gpus),
  };
}

function savingOf(id: string, { on, checkpoints, ...request }: CaseRunning, gpus: number): Partial<ActiveJob> {
  if (checkpoints === undefined) return {};
  const { startedAgo, savedAgo, movedAgo, rules } = checkpoints;
  const ago = (minutes: number) => NOW - minutes * 60_000;
  return {
    startedAt: ago(startedAgo),
    again: pendingOf(id, { ...request, gpus, replicas: on.length, waitedSeconds: 86_400, ...(rules === undefined ? {} : { rules }) }),
    ...(savedAgo === undefined ? {} : { checkpointAt: ago(savedAgo) }),
    ...(movedAgo === undefined ? {} : { movedAt: ago(movedAgo) }),
  };
}

function promiseOf(nodeIds: string[], minutesAgo: number) {
  return { nodeIds, madeAt: NOW - minutesAgo * 60_000, until: NOW + 600_000, moves: true };
}

function pendingOf(id: string, job: CasePending): PendingJob {
  return {
    id,
    priority: job.priority ?? 0,
    queuedAt: NOW - (job.waitedSeconds ?? 5) * 1000,
    replicas: job.replicas ?? 1,
    resources: requestOf(job),
    ...(job.minReplicas === undefined ? {} : { minReplicas: job.minReplicas }),
    ...(job.movedAgo === undefined ? {} : { movedAt: NOW - job.movedAgo * 60_000 }),
    ...(job.takesBack === undefined ? {} : { promise: { nodeIds: job.takesBack, madeAt: NOW, until: NOW + 300_000 } }),
    ...(job.promised === undefined ? {} : { promise: promiseOf(job.promised, job.promisedAgo ?? 0) }),
    ...(job.rules === undefined ? {} : { rules: { ...NO_RULES, ...job.rules } }),
    ...(job.image === undefined ? {} : { imageRequirements: job.image.map((any) => any.map((all) => all.map(conditionOf))) }),
    ...(job.layers === undefined ? {} : { imageLayers: Object.entries(job.layers).map(([key, gib]) => ({ key, sizeBytes: gib * GIB })) }),
    ...(job.imageFor === undefined ? {} : { imageArchitectures: job.imageFor }),
    ...(job.userns === undefined ? {} : { userns: job.userns }),
    ...(job.limitMinutes === undefined ? {} : { timeLimitMs: job.limitMinutes * 60_000 }),
    ...(job.project === undefined ? {} : { project: job.project }),
    ...(job.avoid === undefined ? {} : { avoid: job.avoid.map(avoidedOf) }),
  };
}

function avoidedOf(place: string) {
  const [nodeId = "", index] = place.split(":");
  return { nodeId, gpuUuid: index === undefined ? null : `GPU-${nodeId}-${index}`, why: "failed" };
}
