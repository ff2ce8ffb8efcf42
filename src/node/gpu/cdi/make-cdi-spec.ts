import type { Gpu } from "../../../shared/domain/index.ts";
import { renderNodes } from "../plan/driver-mounts.ts";
import type { DeviceNode, DriverFiles } from "../types.ts";
import { cdiMounts } from "./cdi-mounts.ts";
import type { CdiDevice, CdiDeviceNode, CdiEdits, CdiSpec } from "./cdi-types.ts";
import { minimalCdiVersion } from "./minimal-version.ts";

export const CDI_KIND = "nvidia.com/gpu";

export interface CdiRequest {
  gpus: readonly Gpu[];
  driverFiles: DriverFiles;
}

/**
 * The CDI specification of this machine's healthy GPUs: each by index and by UUID, and "all". Plain edits that any CDI runtime
 * applies, without a hook. Null when there is no GPU that may be handed out. Pure.
 */
export function makeCdiSpec({ gpus, driverFiles }: CdiRequest): CdiSpec | null {
  const usable = gpus.filter((gpu) => gpu.healthy && nodesOf(gpu, driverFiles).length > 0).sort((a, b) => a.index - b.index);
  if (usable.length === 0) return null;
  const devices = usable.flatMap((gpu) => namesOf(gpu).map((name) => device(name, nodesOf(gpu, driverFiles))));
  const all = device(
    "all",
    usable.flatMap((gpu) => nodesOf(gpu, driverFiles)),
  );
  const spec = { kind: CDI_KIND, devices: [...devices, all], containerEdits: sharedEdits(driverFiles) };
  return { cdiVersion: minimalCdiVersion(spec), ...spec };
}

function namesOf(gpu: Gpu): string[] {
  return [String(gpu.index), gpu.uuid];
}

function device(name: string, nodes: DeviceNode[]): CdiDevice {
  return { name, containerEdits: nodeEdits(nodes) };
}

function nodesOf(gpu: Gpu, files: DriverFiles): DeviceNode[] {
  const node = files.gpuNodes.find(({ path, minor }) => path === `/dev/nvidia${gpu.minor}` && minor === gpu.minor);
  return node === undefined ? [] : [node, ...renderNodes(files, gpu.pciBusId)];
}

/** NVIDIA_VISIBLE_DEVICES=void keeps NVIDIA's own runtime, where it is installed too, from adding the image's wish. */
function sharedEdits(files: DriverFiles): CdiEdits {
  return { env: ["NVIDIA_VISIBLE_DEVICES=void"], ...nodeEdits(files.controlNodes), mounts: cdiMounts(files) };
}

function nodeEdits(nodes: DeviceNode[]): CdiEdits {
  const gids = [...new Set(nodes.filter(needsGroup).map((node) => node.gid))].sort((a, b) => a - b);
  return { deviceNodes: nodes.map(cdiNode), ...(gids.length > 0 ? { additionalGids: gids } : {}) };
}

/** A node that not everybody may open: the container's process joins its group, as a user of the host would. */
function needsGroup({ fileMode, gid }: DeviceNode): boolean {
  return (fileMode & 0o006) !== 0o006 && gid !== 0;
}

/** Without "m": nobody needs mknod for a device that is there. */
function cdiNode({ path, hostPath, major, minor, fileMode, uid, gid }: DeviceNode): CdiDeviceNode {
  const owner = { ...(uid === 0 ? {} : { uid }), ...(gid === 0 ? {} : { gid }) };
  return { path, ...(hostPath === path ? {} : { hostPath }), type: "c", major, minor, fileMode, permissions: "rw", ...owner };
}
