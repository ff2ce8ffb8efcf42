import type { Gpu, ResourceRequest } from "../../../shared/domain/index.ts";
import type { FreeNode } from "../feasible/free-capacity.ts";
import { describeUnmet, unmetCondition, unmetRequirement } from "../feasible/gpu-conditions.ts";
import { gpuFits, gpuMemoryFits, gpuSuits, modelMatches, mpsAllows } from "../feasible/gpu-fit.ts";
import { unitsOf } from "../feasible/gpu-units.ts";
import { ruleBlocker } from "../feasible/node-blocker.ts";
import { replicasThatFit } from "../feasible/replica-fit.ts";
import type { Request } from "../feasible/request.ts";
import type { NodeCapacity } from "../snapshot.ts";
import { gangRoom } from "./gang-room.ts";
import { byDetail, count, cpus, cpusAsked, gpusAsked, listed, memory, memoryAsked, portsAsked, topologyAsked, unitsText } from "./words.ts";

/** Why no state of the known nodes could run the job: what to change in it, or which machine to add or repair. */
export function explainCannotEver(everything: readonly FreeNode[], admitted: readonly FreeNode[], request: Request): string {
  if (everything.length === 0) return "no node has joined yet";
  if (admitted.length === 0) return `can never fit: ${refusals(everything, request)}`;
  const nodes = admitted.map(({ node }) => node);
  const single = oneReplica(nodes, request);
  if (single !== null) return single + others(everything, admitted, request);
  if (!admitted.some((entry) => replicasThatFit(entry, request, 1) > 0))
    return `can never fit: ${shape(request)} asked together; no node has all of it`;
  const least = request.minReplicas < request.replicas ? `at least ${request.minReplicas}` : String(request.replicas);
  const asked = `${least} replica${request.minReplicas === 1 ? "" : "s"} of ${shape(request)}${topologyAsked(request.job.rules)} asked`;
  const room = gangRoom(admitted, request, "all nodes together have");
  return `can never fit: ${asked}, ${room}${others(everything, admitted, request)}`;
}

/** "; 3 more nodes: 2 without label zone=a, 1 tainted gpu". */
function others(everything: readonly FreeNode[], admitted: readonly FreeNode[], request: Request): string {
  const more = everything.length - admitted.length;
  return more === 0 ? "" : `; ${count(more, "other node")}: ${refusals(everything, request)}`;
}

function refusals(everything: readonly FreeNode[], { job }: Request): string {
  return byDetail(everything.flatMap(({ node }) => ruleBlocker(node, job)?.detail ?? []));
}

function oneReplica(nodes: readonly NodeCapacity[], request: Request): string | null {
  const { resources } = request;
  const mostCpus = largest(nodes, (node) => node.cpuMillis);
  const mostMemory = largest(nodes, (node) => node.memoryBytes);
  if (resources.gpus > 0) {
    const gpus = gpuShortage(nodes, request);
    if (gpus !== null) return gpus;
  }
  if (resources.cpuMillis > mostCpus)
    return `can never fit: ${cpusAsked(resources.cpuMillis)} asked, the largest node has ${cpus(mostCpus)}`;
  if (resources.memoryBytes > mostMemory) {
    return `can never fit: ${memory(resources.memoryBytes)} of memory asked, the largest node has ${memory(mostMemory)}`;
  }
  return null;
}

function gpuShortage(nodes: readonly NodeCapacity[], request: Request): string | null {
  const { resources } = request;
  const withGpus = nodes.filter(({ gpus }) => gpus.length > 0);
  const able = withGpus.filter((node) => mpsAllows(node, resources));
  if (able.length === 0 && withGpus.length > 0)
    return `needs ${unitsText(resources)}; no node has NVIDIA MPS (gpuSharing: time-slice does without)`;
  const all = able.flatMap((node) => unitsOf(node, resources).map((gpu) => ({ gpu, node })));
  if (all.length === 0) return `needs ${unitsText(resources)}; no node has one${profilesThere(nodes, resources)}`;
  const ofModel = all.filter(({ gpu }) => modelMatches(gpu, resources));
  if (ofModel.length === 0) return `no node has a GPU whose model contains '${resources.gpuModel}' (there are: ${models(all)})`;
  const ofSize = ofModel.filter(({ gpu }) => gpuMemoryFits(gpu, resources));
  if (ofSize.length === 0) {
    const sizes = ofModel.map(({ gpu }) => gpu.memoryBytes);
    if (resources.gpuMemoryMaxBytes === undefined || largest(sizes, (size) => size) < (resources.gpuMemoryBytes ?? 0)) {
      return `no node has a GPU with ${memory(resources.gpuMemoryBytes ?? 0)} of memory (the largest has ${memory(largest(sizes, (size) => size))})`;
    }
    const there = [...new Set(sizes)].sort((left, right) => left - right).map(memory);
    return `no node has a GPU with ${memoryAsked(resources)} of memory (there are: ${listed(there, 4)})`;
  }
  const unmet = ofSize.map(({ gpu, node }) => {
    const condition = unmetCondition(gpu, node, resources.gpuConditions) ?? unmetRequirement(gpu, node, request.job.imageRequirements);
    return condition === null ? null : describeUnmet(gpu, node, condition);
  });
  if (!unmet.includes(null)) return `no GPU will do: ${byDetail(unmet.map((text) => text ?? ""))}`;
  const [most, mostHealthy] = [mostOnOneNode(nodes, request, gpuSuits), mostOnOneNode(nodes, request, gpuFits)];
  if (resources.gpus > most) return `can never fit: ${gpusAsked(resources)} asked, the largest node has ${most}`;
  return resources.gpus > mostHealthy ? `needs ${gpusAsked(resources)} on one node; ${sickNodes(nodes, request)}` : null;
}

function profilesThere(nodes: readonly NodeCapacity[], { migProfile }: ResourceRequest): string {
  if (migProfile === undefined) return "";
  const profiles = new Set(nodes.flatMap(({ migDevices = [] }) => migDevices.map(({ profile }) => profile)));
  return profiles.size === 0 ? "" : ` (there are: ${listed([...profiles].sort(), 4)})`;
}

type Suits = (gpu: Gpu, node: NodeCapacity, request: Request) => boolean;

function mostOnOneNode(nodes: readonly NodeCapacity[], request: Request, suits: Suits): number {
  return largest(nodes, (node) => unitsOf(node, request.resources).filter((gpu) => suits(gpu, node, request)).length);
}

/** Not Math.max(...): its arguments lie on the stack, and there may be a hundred thousand. */
function largest<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((most, item) => Math.max(most, amount(item)), 0);
}

function sickNodes(nodes: readonly NodeCapacity[], request: Request): string {
  const texts = nodes.flatMap((node) => {
    const gpus = unitsOf(node, request.resources).filter((gpu) => gpuSuits(gpu, node, request));
    const sick = gpus.filter((gpu) => !gpu.healthy);
    const first = sick[0];
    if (first === undefined) return [];
    return [
      `${node.name} has ${gpus.length - sick.length} usable of ${gpus.length} (GPU ${first.index}: ${first.problem ?? "not healthy"})`,
    ];
  });
  return listed(texts, 3);
}

function models(gpus: readonly { gpu: Gpu }[]): string {
  return listed([...new Set(gpus.map(({ gpu }) => gpu.model))].sort(), 4);
}

function shape({ resources }: Request): string {
  const gpus = resources.gpus === 0 ? "" : `${gpusAsked(resources)}, `;
  return `${gpus}${cpusAsked(resources.cpuMillis)} and ${memory(resources.memoryBytes)}${portsAsked(resources)}`;
}
