import type { Gpu, NodeControls, NodeRecord } from "../../../shared/domain/index.ts";
import type { NodeCapacity } from "../snapshot.ts";

/** As image platforms name them. */
const ARCHITECTURES: Record<string, string> = { x86_64: "amd64", x64: "amd64", aarch64: "arm64" };

/** The scheduler's view of a node's record: a quarantined GPU counts as sick, a quarantined node as closed. */
export function nodeCapacity(record: NodeRecord): NodeCapacity {
  const { facts, controls } = record;
  const closed = closedBy(controls);
  return {
    id: record.id,
    name: record.name,
    address: record.address,
    state: record.state,
    lastSeenAt: record.lastSeenAt,
    cpuMillis: facts.cpus * 1000,
    memoryBytes: facts.memoryBytes,
    gpus: facts.gpus.map((gpu) => withoutMig(withQuarantine(gpu, controls))),
    architecture: ARCHITECTURES[facts.architecture] ?? facts.architecture,
    diskFreeBytes: facts.diskFreeBytes,
    driverVersion: facts.driverVersion,
    cudaVersion: facts.cudaVersion,
    labels: { ...facts.labels, ...controls?.labels },
    taints: controls?.taints ?? [],
    ...(closed === null ? {} : { closed }),
  };
}

function closedBy(controls: NodeControls | undefined): string | null {
  if (controls === undefined) return null;
  if (controls.draining) return "draining";
  if (controls.cordoned) return "cordoned";
  const whole = controls.quarantines.find((quarantine) => quarantine.gpuUuid === null);
  return whole === undefined ? null : `quarantined: ${whole.reason}`;
}

/** Jobs ask for whole GPUs; one that is split into MIG devices cannot be given as a whole. */
function withoutMig(gpu: Gpu): Gpu {
  return gpu.healthy && gpu.mig?.enabled === true ? { ...gpu, healthy: false, problem: "split into MIG devices" } : gpu;
}

function withQuarantine(gpu: Gpu, controls: NodeControls | undefined): Gpu {
  const quarantine = controls?.quarantines.find(({ gpuUuid }) => gpuUuid === gpu.uuid);
  return quarantine === undefined || !gpu.healthy ? gpu : { ...gpu, healthy: false, problem: `quarantined: ${quarantine.reason}` };
}
