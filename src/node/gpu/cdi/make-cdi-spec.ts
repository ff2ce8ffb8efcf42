import type { Gpu, MigDevice } from "../../../shared/domain/index.ts";
import { renderNodes } from "../plan/driver-mounts.ts";
import { migNodesOf } from "../plan/mig-nodes.ts";
import type { DeviceNode, DriverFiles } from "../types.ts";
import { cdiMounts } from "./cdi-mounts.ts";
import type { CdiDevice, CdiDeviceNode, CdiEdits, CdiSpec } from "./cdi-types.ts";
import { minimalCdiVersion } from "./minimal-version.ts";

const CDI_KIND = "nvidia.com/gpu";

export interface CdiRequest {
  gpus: readonly Gpu[];
  driverFiles: DriverFiles;
}

/** What one device name stands for. */
interface Offer {
  names: string[];
  nodes: DeviceNode[];
}

/**
 * The CDI specification of this machine's healthy GPUs: each by index and by UUID, the MIG devices of a partitioned GPU instead of
 * itself ("0:1" and "MIG-..."), and "all". Plain edits that any CDI runtime applies, without a hook. Null when there is nothing that
 * may be handed out. Pure.
 */
export function makeCdiSpec({ gpus, driverFiles }: CdiRequest): CdiSpec | null {
  const healthy = gpus.filter((gpu) => gpu.healthy).sort((a, b) => a.index - b.index);
  const offers = healthy.flatMap((gpu) => offersOf(gpu, driverFiles)).filter((offer) => offer.nodes.length > 0);
  if (offers.length === 0) return null;
  const devices = offers.flatMap(({ names, nodes }) => names.map((name) => device(name, nodes)));
  const all = device("all", distinct(offers.flatMap((offer) => offer.nodes)));
  const spec = { kind: CDI_KIND, devices: [...devices, all], containerEdits: sharedEdits(driverFiles) };
  return { cdiVersion: minimalCdiVersion(spec), ...spec };
}

function device(name: string, nodes: DeviceNode[]): CdiDevice {
  return { name, containerEdits: nodeEdits(nodes) };
}

function offersOf(gpu: Gpu, files: DriverFiles): Offer[] {
  if (gpu.mig?.enabled !== true) return [{ names: [String(gpu.index), gpu.uuid], nodes: gpuNodes(gpu, files) }];
  return gpu.mig.devices.map((mig, at) => ({ names: [`${gpu.index}:${at}`, mig.uuid], nodes: migNodes(gpu, mig, files) }));
}

function gpuNodes(gpu: Gpu, files: DriverFiles): DeviceNode[] {
  const node = files.gpuNodes.find(({ path, minor }) => path === `/dev/nvidia${gpu.minor}` && minor === gpu.minor);
  return node === undefined ? [] : [node, ...renderNodes(files, gpu.pciBusId)];
}

/** The GPU's node alone opens nothing in MIG mode; without both capability nodes the device is not offered. */
function migNodes(gpu: Gpu, mig: MigDevice, files: DriverFiles): DeviceNode[] {
  const [parent] = gpuNodes(gpu, files);
  const access = migNodesOf(files, gpu, mig);
  return parent && access ? [parent, ...access.map(({ node }) => node)] : [];
}

function distinct(nodes: DeviceNode[]): DeviceNode[] {
  return [...new Map(nodes.map((node) => [node.path, node])).values()];
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
