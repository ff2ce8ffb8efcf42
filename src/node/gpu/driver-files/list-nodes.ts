import { readlink, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { ListedDri, ListedNode } from "./listing.ts";
import { namesIn, orNull, type RootView } from "./root-view.ts";

/** nvidia* in /dev and nvidia-cap* in /dev/nvidia-caps. */
export async function listNodes(view: RootView): Promise<ListedNode[]> {
  const names = (await namesIn(view, "dev")).filter((name) => name.startsWith("nvidia"));
  const caps = (await namesIn(view, "dev/nvidia-caps")).map((name) => `nvidia-caps/${name}`);
  const nodes = await Promise.all([...names, ...caps].sort().map((name) => nodeAt(view, name)));
  return nodes.filter((node) => node !== null);
}

/** /dev/dri by PCI address: udev's links say which card and which render node belong to which GPU. */
export async function listDri(view: RootView): Promise<ListedDri[]> {
  const links = (await namesIn(view, "dev/dri/by-path")).sort();
  const found = await Promise.all(links.map((link) => driAt(view, link)));
  return found.filter((entry) => entry !== null);
}

async function driAt(view: RootView, link: string): Promise<ListedDri | null> {
  const pciAddress = /^pci-([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])-(?:card|render)$/i.exec(link)?.[1];
  const target = await orNull(readlink(join(view.root, "dev/dri/by-path", link)));
  const node = pciAddress === undefined || target === null ? null : await nodeAt(view, `dri/${basename(target)}`);
  return pciAddress === undefined || node === null ? null : { pciAddress: pciAddress.toLowerCase(), node };
}

/** Null for what is no character device. */
export async function nodeAt(view: RootView, name: string): Promise<ListedNode | null> {
  const hostPath = await view.resolve(`dev/${name}`);
  const status = hostPath === null ? null : await orNull(stat(hostPath));
  if (hostPath === null || !status?.isCharacterDevice()) return null;
  const { major, minor } = deviceNumbers(status.rdev);
  return { name, hostPath, major, minor, fileMode: status.mode & 0o777, uid: status.uid, gid: status.gid };
}

/** Linux dev_t as glibc packs it: minor bits 0-7 and 20-31, major bits 8-19 (gnu_dev_makedev). */
function deviceNumbers(rdev: number): { major: number; minor: number } {
  const high = Math.floor(rdev / 0x100000);
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((high & 0xfff) << 8) };
}
