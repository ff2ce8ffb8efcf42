import { BerthError } from "../../../shared/domain/index.ts";
import { nodeAt } from "../driver-files/list-nodes.ts";
import { namesIn, type RootView, viewRoot } from "../driver-files/root-view.ts";
import type { DeviceNode } from "../types.ts";
import type { ExtraDevice } from "./extra-devices.ts";

/** Where each kind has its nodes below /dev (nvidia-container-toolkit, internal/discover). */
const PLACES: Readonly<Record<ExtraDevice, readonly { folder: string; name: RegExp }[]>> = {
  gds: [{ folder: "", name: /^nvidia-fs\d*$/ }],
  mofed: [{ folder: "infiniband", name: /^(?:uverbs\d+|rdma_cm)$/ }],
  gdrcopy: [{ folder: "", name: /^gdrdrv$/ }],
  nvswitch: [{ folder: "", name: /^nvidia-nvswitch(?:ctl|\d+)$/ }],
};
const IMEX_FOLDER = "nvidia-caps-imex-channels";

/**
 * The device nodes of what was asked beside GPUs. A kind that this machine does not have brings none, as everywhere; an IMEX
 * channel is named one by one and must be there.
 * @throws BerthError gpu_unavailable
 */
export async function extraNodes(
  driverRoot: string,
  extras: readonly ExtraDevice[],
  imexChannels: readonly number[],
): Promise<DeviceNode[]> {
  const view = viewRoot(driverRoot);
  const kinds = await Promise.all(extras.flatMap((extra) => PLACES[extra]).map((place) => nodesIn(view, place.folder, place.name)));
  const channels = await Promise.all(imexChannels.map((channel) => imexNode(view, channel)));
  return [...kinds.flat(), ...channels];
}

async function nodesIn(view: RootView, folder: string, wanted: RegExp): Promise<DeviceNode[]> {
  const prefix = folder === "" ? "" : `${folder}/`;
  const names = (await namesIn(view, `dev/${folder}`)).filter((name) => wanted.test(name)).sort();
  const nodes = await Promise.all(names.map((name) => deviceNode(view, `${prefix}${name}`)));
  return nodes.filter((node) => node !== null);
}

async function imexNode(view: RootView, channel: number): Promise<DeviceNode> {
  const name = `${IMEX_FOLDER}/channel${channel}`;
  const node = await deviceNode(view, name);
  if (node === null) throw new BerthError("gpu_unavailable", `/dev/${name} is missing: this machine has no IMEX channel ${channel}`);
  return node;
}

async function deviceNode(view: RootView, name: string): Promise<DeviceNode | null> {
  const listed = await nodeAt(view, name);
  if (listed === null) return null;
  const { name: _name, ...rest } = listed;
  return { path: `/dev/${name}`, ...rest };
}
