import type { EntryStat, ReadableRoot } from "../../platform/index.ts";
import { isWhiteout } from "../unpack/layer-writer.ts";
import { OPAQUE_XATTR } from "../unpack/xattr-policy.ts";

/** What a path is in a stack of layers: the layer that decides, and for a folder all that add to it, top first. */
export interface MergedEntry {
  root: ReadableRoot;
  stat: EntryStat;
  /** Layers in which the folder goes on; empty for anything else. */
  folders: ReadableRoot[];
}

/**
 * Looks a path up in layers, top first, as overlayfs would. `layers` are those in which its parent is a merged folder: so no
 * link of a layer is ever followed.
 */
export async function lookUp(layers: readonly ReadableRoot[], path: string): Promise<MergedEntry | null> {
  let found: MergedEntry | null = null;
  for (const root of layers) {
    const stat = await root.stat(path);
    if (stat === null) continue;
    if (stat.kind !== "directory") return found ?? (isWhiteout(stat) ? null : { root, stat, folders: [] });
    found ??= { root, stat, folders: [] };
    found.folders.push(root);
    if (await isOpaque(root, path)) break;
  }
  return found;
}

/** The names that any of the layers has in a merged folder, in byte order; some may be deleted by a higher one. */
export async function namesIn(layers: readonly ReadableRoot[], folder: string): Promise<string[]> {
  const names = new Set<string>();
  for (const root of layers) for (const name of await root.list(folder)) names.add(name);
  return [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** True for a folder that hides what lower layers have in it (overlayfs, "trusted.overlay.opaque"). */
export async function isOpaque(root: ReadableRoot, path: string): Promise<boolean> {
  return (await root.xattrs(path))[OPAQUE_XATTR]?.toString() === "y";
}

/** Paths in a layer have no leading slash; "" is its root. */
export function joined(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}
