import type { Gpu, ResourceRequest } from "../../../shared/domain/index.ts";
import type { FreeNode } from "../feasible/free-capacity.ts";
import { gpuFits, gpuMemoryFits, modelMatches, replicasThatFit } from "../feasible/replica-fit.ts";
import type { NodeCapacity, PendingJob } from "../snapshot.ts";
import { count, cpus, cpusAsked, gpusAsked, listed, memory } from "./words.ts";

/** Why no state of the known nodes could run the job: what to change in it, or which machine to add or repair. */
export function explainCannotEver(everything: readonly FreeNode[], job: PendingJob): string {
  const nodes = everything.map(({ node }) => node);
  if (nodes.length === 0) return "no node has joined yet";
  const { resources, replicas } = job;
  const single = oneReplica(nodes, resources);
  if (single !== null) return single;
  const room = everything.reduce((sum, entry) => sum + replicasThatFit(entry, resources, replicas), 0);
  if (room === 0) return `can never fit: ${shape(resources)} asked together; no node has all of it`;
  return `can never fit: ${count(replicas, "replica")} of ${shape(resources)} asked, all nodes together have room for ${room}`;
}

function oneReplica(nodes: readonly NodeCapacity[], resources: ResourceRequest): string | null {
  const most = (amount: (node: NodeCapacity) => number) => Math.max(...nodes.map(amount));
  const mostCpus = most((node) => node.cpuMillis);
  const mostMemory = most((node) => node.memoryBytes);
  if (resources.gpus > 0) {
    const gpus = gpuShortage(nodes, resources);
    if (gpus !== null) return gpus;
  }
  if (resources.cpuMillis > mostCpus)
    return `can never fit: ${cpusAsked(resources.cpuMillis)} asked, the largest node has ${cpus(mostCpus)}`;
  if (resources.memoryBytes > mostMemory) {
    return `can never fit: ${memory(resources.memoryBytes)} of memory asked, the largest node has ${memory(mostMemory)}`;
  }
  return null;
}

function gpuShortage(nodes: readonly NodeCapacity[], resources: ResourceRequest): string | null {
  const all = nodes.flatMap((node) => node.gpus);
  if (all.length === 0) return `needs ${count(resources.gpus, "GPU")}; no node has one`;
  const ofModel = all.filter((gpu) => modelMatches(gpu, resources));
  if (ofModel.length === 0) return `no node has a GPU whose model contains '${resources.gpuModel}' (there are: ${models(all)})`;
  if (!ofModel.some((gpu) => gpuMemoryFits(gpu, resources))) {
    const largest = Math.max(...ofModel.map((gpu) => gpu.memoryBytes));
    return `no node has a GPU with ${memory(resources.gpuMemoryBytes ?? 0)} of memory (the largest has ${memory(largest)})`;
  }
  const suits = (gpu: Gpu) => modelMatches(gpu, resources) && gpuMemoryFits(gpu, resources);
  const [most, mostHealthy] = [mostOnOneNode(nodes, suits), mostOnOneNode(nodes, (gpu) => gpuFits(gpu, resources))];
  if (resources.gpus > most) return `can never fit: ${gpusAsked(resources)} asked, the largest node has ${most}`;
  return resources.gpus > mostHealthy ? `needs ${gpusAsked(resources)} on one node; ${sickNodes(nodes, suits)}` : null;
}

function mostOnOneNode(nodes: readonly NodeCapacity[], suits: (gpu: Gpu) => boolean): number {
  return Math.max(...nodes.map((node) => node.gpus.filter(suits).length));
}

function sickNodes(nodes: readonly NodeCapacity[], suits: (gpu: Gpu) => boolean): string {
  const texts = nodes.flatMap((node) => {
    const gpus = node.gpus.filter(suits);
    const sick = gpus.filter((gpu) => !gpu.healthy);
    const first = sick[0];
    if (first === undefined) return [];
    return [
      `${node.name} has ${gpus.length - sick.length} healthy of ${gpus.length} (GPU ${first.index}: ${first.problem ?? "not healthy"})`,
    ];
  });
  return listed(texts, 3);
}

function models(gpus: readonly Gpu[]): string {
  return listed([...new Set(gpus.map((gpu) => gpu.model))].sort(), 4);
}

function shape(resources: ResourceRequest): string {
  const gpus = resources.gpus === 0 ? "" : `${gpusAsked(resources)}, `;
  return `${gpus}${cpusAsked(resources.cpuMillis)} and ${memory(resources.memoryBytes)}`;
}
