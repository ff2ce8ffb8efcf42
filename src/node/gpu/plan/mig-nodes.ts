import { BerthError, type Gpu, type MigDevice } from "../../../shared/domain/index.ts";
import type { DriverFiles, MigNode } from "../types.ts";

/** What opens one MIG device: the nodes of its GPU instance and of its compute instance. Null when the host lacks one of them. */
export function migNodesOf(files: DriverFiles, gpu: Gpu, device: MigDevice): MigNode[] | null {
  const own = files.migNodes.filter((node) => node.gpuMinor === gpu.minor && node.gpuInstance === device.gpuInstance);
  const instance = own.find((node) => node.computeInstance === null);
  const compute = own.find((node) => node.computeInstance === device.computeInstance);
  return instance && compute ? [instance, compute] : null;
}

/** @throws BerthError gpu_unavailable: without its nodes a MIG device cannot be opened */
export function assignedMigNodes(files: DriverFiles, gpu: Gpu, devices: readonly MigDevice[]): MigNode[] {
  const nodes = devices.flatMap((device) => migNodesOf(files, gpu, device) ?? missing(gpu, device));
  return [...new Map(nodes.map((node) => [node.procFile, node])).values()];
}

function missing(gpu: Gpu, { uuid, gpuInstance, computeInstance }: MigDevice): never {
  const folder = `/proc/driver/nvidia/capabilities/gpu${gpu.minor}/mig/gi${gpuInstance}`;
  const hint = `\`nvidia-modprobe -f ${folder}/access\` and \`... -f ${folder}/ci${computeInstance}/access\` make them`;
  throw new BerthError("gpu_unavailable", `nodes in /dev/nvidia-caps of MIG device ${uuid} are missing; ${hint}`);
}
