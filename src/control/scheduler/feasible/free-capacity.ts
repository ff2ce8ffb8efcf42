import type { Gpu, ResourceRequest } from "../../../shared/domain/index.ts";
import type { ActiveJob, MigUnit, NodeCapacity } from "../snapshot.ts";
import { type HeldPorts, holdPorts, NO_PORTS } from "./held-ports.ts";
import { addShare, type Holder, NO_SHARES, type SharedGpus } from "./shared-gpu.ts";

/** What is left of a node while a plan is being made. Only `take` changes it. */
export interface FreeNode {
  node: NodeCapacity;
  /** Place in the order of ids: breaks ties. */
  position: number;
  /** One more for every booking. */
  version: number;
  cpuMillis: number;
  memoryBytes: number;
  /** Free GPUs, sick ones included, by index: nobody holds even a part of them. */
  gpus: Gpu[];
  /** GPUs that parts are held of, by UUID. */
  shared: SharedGpus;
  /** Free MIG devices. */
  migDevices: readonly MigUnit[];
  /** What all GPUs of the node are, when they are alike and healthy; null otherwise, and they must be looked at one by one. */
  kind: string | null;
  /** Who holds whole GPUs of this node: job id -> how many. */
  gpuHolders: ReadonlyMap<string, number>;
  /** The same of its MIG devices. */
  migHolders: ReadonlyMap<string, number>;
  ports: HeldPorts;
}

/** All nodes empty, by id. */
export function emptyNodes(nodes: readonly NodeCapacity[]): FreeNode[] {
  const kinds = new Map<string, string>();
  return [...nodes]
    .sort((left, right) => (left.id < right.id ? -1 : left.id > right.id ? 1 : 0))
    .map((node, position) => ({
      node,
      position,
      version: 0,
      cpuMillis: node.cpuMillis,
      memoryBytes: node.memoryBytes,
      gpus: byIndex(node.gpus),
      kind: sameText(kinds, gpuKind(node)),
      gpuHolders: new Map(),
      shared: NO_SHARES,
      migDevices: node.migDevices ?? NO_DEVICES,
      migHolders: NO_HOLDERS,
      ports: NO_PORTS,
    }));
}

const NO_DEVICES: readonly MigUnit[] = [];
const NO_HOLDERS: ReadonlyMap<string, number> = new Map();

function byIndex(gpus: readonly Gpu[]): Gpu[] {
  const inOrder = gpus.every((gpu, place) => place === 0 || (gpus[place - 1]?.index ?? 0) < gpu.index);
  return inOrder ? [...gpus] : [...gpus].sort((left, right) => left.index - right.index || (left.uuid < right.uuid ? -1 : 1));
}

function gpuKind({ gpus, driverVersion, cudaVersion, withoutMps }: NodeCapacity): string | null {
  const first = gpus[0];
  if (first === undefined) return null;
  const alike = gpus.every(
    (gpu) =>
      gpu.healthy &&
      gpu.model === first.model &&
      gpu.memoryBytes === first.memoryBytes &&
      gpu.computeCapability === first.computeCapability,
  );
  return alike
    ? `${first.model} ${first.memoryBytes} ${first.computeCapability} ${driverVersion ?? ""} ${cudaVersion ?? ""}${withoutMps ? " no MPS" : ""}`
    : null;
}

/** One string for equal ones: a look-up by the very same string need not compare its letters. */
function sameText(known: Map<string, string>, text: string | null): string | null {
  if (text === null) return null;
  const same = known.get(text);
  if (same === undefined) known.set(text, text);
  return same ?? text;
}

/** The nodes less what active jobs hold. A node can be below zero: its GPUs or memory may have shrunk under a running job. */
export function freeNodes(nodes: readonly NodeCapacity[], active: readonly ActiveJob[]): FreeNode[] {
  const free = emptyNodes(nodes);
  const byId = new Map(free.map((entry) => [entry.node.id, entry]));
  for (const job of active) {
    for (const assignment of job.assignments) {
      const entry = byId.get(assignment.nodeId);
      if (entry !== undefined) take(entry, job, job.resources, assignment.gpuUuids);
    }
  }
  return free;
}

/** Books one replica on the node. */
export function take(entry: FreeNode, holder: Holder, resources: ResourceRequest, gpuUuids: readonly string[]): void {
  entry.version += 1;
  entry.cpuMillis -= resources.cpuMillis;
  entry.memoryBytes -= resources.memoryBytes;
  if (resources.hostPorts !== undefined) entry.ports = holdPorts(entry.ports, holder.id, resources.hostPorts);
  if (gpuUuids.length === 0) return;
  // Copies: the maps may be shared with the state that the next cycle starts from.
  if (resources.gpuShare !== undefined) takeShares(entry, holder, resources, gpuUuids);
  else if (resources.migProfile !== undefined) {
    entry.migDevices = entry.migDevices.filter((device) => !gpuUuids.includes(device.uuid));
    entry.migHolders = oneMore(entry.migHolders, holder.id, gpuUuids.length);
  } else {
    entry.gpus = entry.gpus.filter((gpu) => !gpuUuids.includes(gpu.uuid));
    entry.gpuHolders = oneMore(entry.gpuHolders, holder.id, gpuUuids.length);
  }
}

function takeShares(entry: FreeNode, holder: Holder, { gpuShare }: ResourceRequest, gpuUuids: readonly string[]): void {
  for (const uuid of gpuUuids) {
    const before = entry.shared.get(uuid) ?? null;
    const gpu = before?.gpu ?? entry.gpus.find((one) => one.uuid === uuid);
    if (gpu === undefined || gpuShare === undefined) continue;
    entry.shared = new Map(entry.shared).set(uuid, addShare(gpu, before, holder, gpuShare));
    if (before === null) entry.gpus = entry.gpus.filter((one) => one !== gpu);
  }
}

function oneMore(holders: ReadonlyMap<string, number>, id: string, units: number): Map<string, number> {
  return new Map(holders).set(id, (holders.get(id) ?? 0) + units);
}
