import type { FreeNode } from "../feasible/free-capacity.ts";
import { describeUnmet, unmetCondition, unmetRequirement } from "../feasible/gpu-conditions.ts";
import { gpuMemoryFits, gpuSuits, modelMatches, mpsAllows } from "../feasible/gpu-fit.ts";
import { unitsOf } from "../feasible/gpu-units.ts";
import { takenPort } from "../feasible/held-ports.ts";
import { type Blocker, nodeBlocker } from "../feasible/node-blocker.ts";
import type { Request } from "../feasible/request.ts";
import { unitHolders, unitShortage } from "./unit-words.ts";
import { clockSoon, cpus, listed, memory, memoryAsked } from "./words.ts";

const JOBS_NAMED = 3;

/** Job -> latest end by its time limit, milliseconds since the Unix epoch like `now`. */
export interface KnownEnds {
  now: number;
  byJob: ReadonlyMap<string, number>;
}

/** Why this node has no room for one replica now; null when it has. */
export function nodeVerdict(entry: FreeNode, request: Request, ends: KnownEnds): Blocker | null {
  const { node } = entry;
  if (node.state !== "ready") return { kind: "away", detail: `${node.state}` };
  return nodeBlocker(node, request.job) ?? gpuVerdict(entry, request) ?? sizeVerdict(entry, request) ?? roomVerdict(entry, request, ends);
}

/** What the node's GPUs are, whoever has them now. */
function gpuVerdict({ node }: FreeNode, request: Request): Blocker | null {
  const { resources, job } = request;
  if (resources.gpus === 0) return null;
  if (node.gpus.length === 0) return { kind: "gpu-count", detail: "without GPUs" };
  if (!mpsAllows(node, resources)) return { kind: "mps", detail: "without NVIDIA MPS" };
  const units = unitsOf(node, resources);
  if (units.length === 0) return { kind: "mig-profile", detail: `without MIG devices ${resources.migProfile}` };
  const ofModel = units.filter((gpu) => modelMatches(gpu, resources));
  const first = ofModel[0];
  if (first === undefined) return { kind: "gpu-model", detail: `of model ${node.gpus[0]?.model}` };
  const ofSize = ofModel.filter((gpu) => gpuMemoryFits(gpu, resources));
  if (ofSize.length === 0) return { kind: "gpu-memory", detail: `GPUs of ${memory(first.memoryBytes)}, ${memoryAsked(resources)} asked` };
  const suited = units.filter((gpu) => gpuSuits(gpu, node, request));
  if (suited.length < resources.gpus) {
    for (const gpu of ofSize) {
      const unmet = unmetCondition(gpu, node, resources.gpuConditions) ?? unmetRequirement(gpu, node, job.imageRequirements);
      if (unmet === null) continue;
      return { kind: unmet.subject === "compute-capability" ? "gpu-capability" : "driver", detail: describeUnmet(gpu, node, unmet) };
    }
    const avoided = job.avoid?.find(({ nodeId, gpuUuid }) => nodeId === node.id && gpuUuid !== null);
    if (avoided !== undefined) return { kind: "failed-before", detail: `a GPU failed this job before: ${avoided.why}` };
    return { kind: "gpu-count", detail: `have ${suited.length} of the ${resources.gpus} ${unitName(request)} asked` };
  }
  const healthy = suited.filter((gpu) => gpu.healthy);
  const sick = suited.find((gpu) => !gpu.healthy);
  if (healthy.length >= resources.gpus || sick === undefined) return null;
  return {
    kind: "gpu-unhealthy",
    detail: `${healthy.length} usable of ${suited.length} ${unitName(request)} (GPU ${sick.index}: ${sick.problem ?? "not healthy"})`,
  };
}

function unitName({ resources: { migProfile } }: Request): string {
  return migProfile === undefined ? "GPUs" : `MIG devices ${migProfile}`;
}

function sizeVerdict({ node }: FreeNode, { resources }: Request): Blocker | null {
  if (node.cpuMillis < resources.cpuMillis) return { kind: "cpu-size", detail: `have ${cpus(node.cpuMillis)} CPUs in all` };
  if (node.memoryBytes < resources.memoryBytes) return { kind: "memory-size", detail: `have ${memory(node.memoryBytes)} in all` };
  return null;
}

function roomVerdict(entry: FreeNode, request: Request, ends: KnownEnds): Blocker | null {
  const { node } = entry;
  const { resources } = request;
  const shortage = unitShortage(entry, request);
  if (shortage?.partly) return { kind: shortage.kind, detail: `have ${shortage.detail}` };
  if (shortage !== null) return { kind: shortage.kind, detail: `busy${holders(unitHolders(entry, request), ends)}` };
  if (entry.cpuMillis < resources.cpuMillis)
    return { kind: "cpu-busy", detail: `have ${cpus(entry.cpuMillis)} of ${cpus(node.cpuMillis)} CPUs free` };
  if (entry.memoryBytes < resources.memoryBytes)
    return { kind: "memory-busy", detail: `have ${memory(entry.memoryBytes)} of ${memory(node.memoryBytes)} memory free` };
  const taken = takenPort(entry, resources);
  return taken === null ? null : { kind: "port-taken", detail: taken };
}

/** " until 14:20 UTC (job 81)": until the last holder's limit, when all have one. */
function holders(byJob: ReadonlyMap<string, number>, ends: KnownEnds): string {
  const ids = [...byJob.keys()].sort((left, right) => left.length - right.length || (left < right ? -1 : 1));
  if (ids.length === 0) return "";
  const last = ids.map((id) => ends.byJob.get(id));
  const until = last.every((end) => end !== undefined) ? ` until ${clockSoon(Math.max(...last.map((end) => end ?? 0)), ends.now)}` : "";
  const jobs = listed(ids, JOBS_NAMED);
  return `${until} (${ids.length === 1 ? "job" : "jobs"} ${jobs})`;
}
