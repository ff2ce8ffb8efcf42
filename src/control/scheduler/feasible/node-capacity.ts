import {
  ACROSS_PROJECTS,
  type Gpu,
  type NodeControls,
  type NodeRecord,
  quarantineText,
  SHARING_LABEL,
} from "../../../shared/domain/index.ts";
import type { MigUnit, NodeCapacity } from "../snapshot.ts";

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
    ...migUnits(record),
    ...(labelled(record, SHARING_LABEL) === ACROSS_PROJECTS ? { sharesAcrossProjects: true } : {}),
    ...(facts.imageLayers === undefined ? {} : { imageLayers: facts.imageLayers }),
    ...(facts.mps === false ? { withoutMps: true } : {}),
    ...(facts.userns === undefined ? {} : { usernsModes: facts.userns.modes }),
    ...(closed === null ? {} : { closed }),
  };
}

function closedBy(controls: NodeControls | undefined): string | null {
  if (controls === undefined) return null;
  if (controls.draining) return "draining";
  if (controls.cordoned) return "cordoned";
  const whole = controls.quarantines.find((quarantine) => quarantine.gpuUuid === null);
  return whole === undefined ? null : quarantineText(whole);
}

function labelled({ facts, controls }: NodeRecord, label: string): string | undefined {
  return controls?.labels[label] ?? facts.labels?.[label];
}

/** A device is as healthy as its GPU, and may be quarantined alone. */
function migUnits({ facts, controls }: NodeRecord): Pick<NodeCapacity, "migDevices"> {
  const split = facts.gpus.filter((gpu) => gpu.mig?.enabled === true);
  if (split.length === 0) return {};
  const devices = split.flatMap((whole) => {
    const gpu = withQuarantine(whole, controls);
    return (gpu.mig?.devices ?? []).map(
      ({ uuid, profile, memoryBytes }): MigUnit => ({ ...gpu, mig: null, nvlinks: [], uuid, profile, memoryBytes, gpuUuid: gpu.uuid }),
    );
  });
  return { migDevices: devices.map((device) => withQuarantine(device, controls)) };
}

/** One that is split into MIG devices cannot be given as a whole, nor shared. */
function withoutMig(gpu: Gpu): Gpu {
  return gpu.healthy && gpu.mig?.enabled === true ? { ...gpu, healthy: false, problem: "split into MIG devices" } : gpu;
}

function withQuarantine<Unit extends Gpu>(gpu: Unit, controls: NodeControls | undefined): Unit {
  const quarantine = controls?.quarantines.find(({ gpuUuid }) => gpuUuid === gpu.uuid);
  return quarantine === undefined || !gpu.healthy ? gpu : { ...gpu, healthy: false, problem: quarantineText(quarantine) };
}
