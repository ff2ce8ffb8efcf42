import { gpuCountText, type ResourceRequest } from "../../../shared/domain/index.ts";
import type { FreeNode } from "../feasible/free-capacity.ts";
import { unitsOf } from "../feasible/gpu-units.ts";
import { takenPort } from "../feasible/held-ports.ts";
import { nodeBlocker } from "../feasible/node-blocker.ts";
import { countFittingGpus, fittingGpus, replicasThatFit } from "../feasible/replica-fit.ts";
import type { Request } from "../feasible/request.ts";
import type { PendingJob } from "../snapshot.ts";
import { gangRoom } from "./gang-room.ts";
import { unitHolders, unitShortage } from "./unit-words.ts";
import { clockTime, count, cpus, cpusAsked, gpusAsked, listed, memory, portsAsked, topologyAsked } from "./words.ts";

const NODES_NAMED = 3;
const JOBS_NAMED = 3;

/** The ready, open nodes are not enough, even empty; with those that are away or closed it would fit. */
export function explainAbsentNodes(admitted: readonly FreeNode[], request: Request): string {
  const absent = admitted.filter(({ node }) => node.state !== "ready" || nodeBlocker(node, request.job) !== null);
  const useful = absent.filter((entry) => replicasThatFit(entry, request, 1) === 1);
  return `waiting for ${listed(
    useful.map(({ node }) =>
      node.state === "ready"
        ? `${node.name} to be opened (${nodeBlocker(node, request.job)?.detail})`
        : `${node.name} to return (${node.state}, not heard of since ${clockTime(node.lastSeenAt)})`,
    ),
    NODES_NAMED,
  )}`;
}

/** It would fit now, were the nodes not kept for a job that has waited long. */
export function explainHeldBack(holders: readonly PendingJob[]): string {
  const ids = [...new Set(holders.map((holder) => holder.id))];
  return `held back so that ${listed(
    ids.map((id) => `job ${id}`),
    JOBS_NAMED,
  )}, which waited long, can start first`;
}

/** It fits on the nodes when they are empty: who has what now. The same for all jobs that ask this. */
export function explainNoRoom(free: readonly FreeNode[], request: Request, servers: readonly FreeNode[]): string {
  const { resources, replicas, minReplicas } = request;
  const least = minReplicas < replicas ? `at least ${minReplicas}` : String(replicas);
  const need =
    replicas === 1
      ? `needs ${want(resources)} on one node`
      : `needs room for ${least} replicas of ${want(resources)}${topologyAsked(request.job.rules)}, ${gangRoom(free, request, "there is")}`;
  // Only the named ones are put into words: there may be a thousand nodes.
  const named = roomiest(servers, request)
    .map((entry) => lacking(entry, request))
    .join(", ");
  const nodes = servers.length > NODES_NAMED ? `${named} and ${servers.length - NODES_NAMED} more` : named;
  return `${need}; ${nodes}`;
}

/** The nodes with the most fitting GPUs, then CPUs, first; in one walk, for sorting ten thousand takes longer than all the rest. */
function roomiest(servers: readonly FreeNode[], request: Request): FreeNode[] {
  const best: { entry: FreeNode; gpus: number }[] = [];
  for (const entry of servers) {
    const one = { entry, gpus: 0 };
    const last = best[NODES_NAMED - 1];
    if (request.units === "gpus" && last !== undefined && entry.gpus.length < last.gpus) continue;
    one.gpus = request.units === "gpus" ? countFittingGpus(entry, entry.gpus, request) : fittingGpus(entry, request).length;
    if (last !== undefined && byRoom(last, one) < 0) continue;
    best.push(one);
    best.sort(byRoom);
    if (best.length > NODES_NAMED) best.pop();
  }
  return best.map(({ entry }) => entry);
}

/** Whether the node, were it empty, could run a replica. */
export function couldServe(entry: FreeNode, request: Request): boolean {
  const { node } = entry;
  const { resources } = request;
  if (node.cpuMillis < resources.cpuMillis || node.memoryBytes < resources.memoryBytes) return false;
  return countFittingGpus(entry, unitsOf(node, resources), request) >= resources.gpus;
}

/** Nodes with the most fitting GPUs, then CPUs, first. */
function byRoom(left: { entry: FreeNode; gpus: number }, right: { entry: FreeNode; gpus: number }): number {
  return right.gpus - left.gpus || right.entry.cpuMillis - left.entry.cpuMillis || left.entry.position - right.entry.position;
}

function want(resources: ResourceRequest): string {
  const units = resources.gpus > 0 ? gpusAsked(resources) : `${cpusAsked(resources.cpuMillis)} and ${memory(resources.memoryBytes)}`;
  return units + portsAsked(resources);
}

/** The first thing the node lacks: GPUs (and who has them), CPUs, memory, ports. */
function lacking(entry: FreeNode, request: Request): string {
  const { node } = entry;
  const { resources } = request;
  const shortage = unitShortage(entry, request);
  if (shortage !== null) return `${node.name} has ${shortage.short}${holders(unitHolders(entry, request))}`;
  if (entry.cpuMillis < resources.cpuMillis) return `${node.name} has ${cpus(entry.cpuMillis)} of ${cpus(node.cpuMillis)} CPUs free`;
  if (entry.memoryBytes < resources.memoryBytes)
    return `${node.name} has ${memory(entry.memoryBytes)} of ${memory(node.memoryBytes)} memory free`;
  const taken = takenPort(entry, resources);
  if (taken !== null) return `on ${node.name} ${taken}`;
  return `${node.name} has room for ${replicasThatFit(entry, request, Number.MAX_SAFE_INTEGER)}`;
}

function holders(byJob: ReadonlyMap<string, number>): string {
  if (byJob.size === 0) return "";
  const texts = [...byJob]
    .sort((left, right) => right[1] - left[1] || (left[0] < right[0] ? -1 : 1))
    .map(([id, gpus]) => `job ${id} uses ${gpuCountText(gpus)}`);
  return ` (${listed(texts, JOBS_NAMED)})`;
}

/** "; behind 2 jobs queued earlier"; "" for the first. */
export function queueText(job: PendingJob, before: readonly PendingJob[]): string {
  if (before.length === 0) return "";
  const higher = before.filter((other) => other.priority > job.priority).length;
  const which = higher === before.length ? "of higher priority" : higher === 0 ? "queued earlier" : "of higher priority or queued earlier";
  return `; behind ${count(before.length, "job")} ${which}`;
}
