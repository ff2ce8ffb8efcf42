import { type ActiveJob, type NodeCapacity, type Room, WHOLE_GPU } from "../../scheduler/index.ts";

/** GPUs that jobs can hold: those in MIG mode count by their devices, sick ones do not. */
export function usableGpus({ gpus, migDevices = [] }: NodeCapacity): number {
  const split = new Set(migDevices.filter(({ healthy }) => healthy).map(({ gpuUuid }) => gpuUuid));
  return gpus.filter(({ healthy, uuid }) => healthy || split.has(uuid)).length;
}

/** What is left of every node, by thousandths of each GPU that is not split into MIG devices. */
export function roomsLeft(nodes: readonly NodeCapacity[], active: readonly ActiveJob[]): Room[] {
  const used = usedBy(active);
  return nodes.map((node) => {
    const { cpuMillis = 0, millis } = used.get(node.id) ?? {};
    const total = { cpuMillis: node.cpuMillis, memoryBytes: node.memoryBytes };
    const whole = node.gpus.filter(({ healthy }) => healthy);
    const gpuMillis = whole.map(({ uuid }) => Math.max(0, WHOLE_GPU - (millis?.get(uuid) ?? 0)));
    return {
      ...total,
      cpuMillis: node.cpuMillis - cpuMillis,
      gpuMillis: gpuMillis.filter((left) => left > 0),
      gpuModel: node.gpus[0]?.model ?? "",
      total,
    };
  });
}

function usedBy(active: readonly ActiveJob[]): Map<string, { cpuMillis: number; millis: Map<string, number> }> {
  const used = new Map<string, { cpuMillis: number; millis: Map<string, number> }>();
  for (const { assignments, resources } of active) {
    for (const { nodeId, gpuUuids } of assignments) {
      const node = used.get(nodeId) ?? { cpuMillis: 0, millis: new Map<string, number>() };
      node.cpuMillis += resources.cpuMillis;
      for (const uuid of gpuUuids) node.millis.set(uuid, (node.millis.get(uuid) ?? 0) + (resources.gpuShare?.millis ?? WHOLE_GPU));
      used.set(nodeId, node);
    }
  }
  return used;
}
