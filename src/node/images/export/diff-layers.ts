import type { EntryStat, ReadableRoot } from "../../platform/index.ts";
import { isWhiteout } from "../unpack/layer-writer.ts";
import { isOpaque, joined, lookUp, type MergedEntry, namesIn } from "./merged-layers.ts";

/** One line of `berth diff`, as docker's: added, changed or deleted. */
export interface FileChange {
  kind: "A" | "C" | "D";
  /** Absolute in the container. */
  path: string;
}

/** Compares a writable layer with the layers below it. `exclude`: paths that are not the container's own doing. */
export async function diffLayers(
  upper: ReadableRoot,
  lowers: readonly ReadableRoot[],
  exclude: (path: string) => boolean,
): Promise<FileChange[]> {
  const changes: FileChange[] = [];
  await diffFolder({ upper, exclude, changes }, "", lowers);
  return changes;
}

interface Walk {
  upper: ReadableRoot;
  exclude: (path: string) => boolean;
  changes: FileChange[];
}

/** Returns whether something in the folder was excluded. */
async function diffFolder(walk: Walk, folder: string, lowers: readonly ReadableRoot[]): Promise<boolean> {
  let excluded = false;
  for (const name of await namesIn([walk.upper], folder)) {
    const path = joined(folder, name);
    const stat = await walk.upper.stat(path);
    if (stat === null) continue;
    if (walk.exclude(path)) excluded = true;
    else await diffEntry(walk, path, stat, await lookUp(lowers, path));
  }
  return excluded;
}

async function diffEntry(walk: Walk, path: string, stat: EntryStat, before: MergedEntry | null): Promise<void> {
  if (isWhiteout(stat)) {
    if (before !== null) walk.changes.push({ kind: "D", path: `/${path}` });
    return;
  }
  walk.changes.push({ kind: before === null ? "A" : "C", path: `/${path}` });
  if (stat.kind !== "directory") return;
  const count = walk.changes.length;
  const excluded = await diffMembers(walk, path, before);
  // Only what is not the container's doing brought the folder into the writable layer.
  if (excluded && before !== null && walk.changes.length === count && sameFolder(stat, before.stat)) walk.changes.pop();
}

function sameFolder(a: EntryStat, b: EntryStat): boolean {
  return b.kind === "directory" && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}

async function diffMembers(walk: Walk, path: string, before: MergedEntry | null): Promise<boolean> {
  const below = before?.folders ?? [];
  const excluded = await diffFolder(walk, path, below);
  // A folder that was replaced hides what was there: no entry of its own tells of that.
  if (below.length === 0 || !(await isOpaque(walk.upper, path))) return excluded;
  for (const name of await namesIn(below, path)) {
    const gone = joined(path, name);
    if ((await walk.upper.stat(gone)) === null && (await lookUp(below, gone)) !== null) walk.changes.push({ kind: "D", path: `/${gone}` });
  }
  return excluded;
}
