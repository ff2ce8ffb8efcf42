import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { canonicalJson, digestOf } from "../../../shared/oci/index.ts";
import type { EntryStat, NativeRoot } from "../../platform/index.ts";
import type { Ignore } from "../context/dockerignore.ts";
import { isPattern, matchName } from "../context/glob.ts";
import { partsOf, resolveInRoot } from "./resolve-in-root.ts";

/** One thing to copy. */
export interface SelectedFile {
  /** Path in the source root. */
  from: string;
  /** Path relative to what COPY named: "" for the named thing itself. */
  relative: string;
  stat: EntryStat;
  /** Of a symbolic link. */
  target: string | null;
  /** sha256 of a file's content. */
  digest: string | null;
}

/** What one source of a COPY stands for. */
export interface Selection {
  /** Last name of the source, for a destination folder. */
  name: string;
  isFolder: boolean;
  files: SelectedFile[];
}

/** Where the files of a COPY come from. */
export interface SourceTree {
  root: NativeRoot;
  ignored: Ignore;
}

/**
 * Finds what `source` (may hold patterns) names, with everything below it and the content hashed. Sockets and devices
 * are left out. Throws an Error saying what is wrong.
 */
export async function selectFiles(tree: SourceTree, source: string, signal: AbortSignal): Promise<Selection[]> {
  const parts = partsOf(source);
  if (parts.includes("..")) throw new Error(`${JSON.stringify(source)} climbs out of the build context with ..`);
  const selections: Selection[] = [];
  for (const path of await expandPattern(tree, parts)) selections.push(await selectOne(tree, path, signal));
  const found = selections.filter(({ files }) => files.length > 0);
  if (found.length === 0) throw new Error(`${JSON.stringify(source)} is not in the build context, or .dockerignore leaves it out`);
  return found;
}

/** Equal for equal content, names, modes and (with `owners`) owners; times do not count. */
export function hashSelections(selections: readonly Selection[], owners: boolean): string {
  const facts = selections.map(({ name, isFolder, files }) => ({
    name,
    isFolder,
    files: files.map(({ relative, stat, target, digest }) => ({
      relative,
      kind: stat.kind,
      mode: stat.mode,
      target,
      digest,
      owner: owners ? [stat.uid, stat.gid] : null,
    })),
  }));
  return digestOf(canonicalJson(facts));
}

async function expandPattern(tree: SourceTree, parts: readonly string[]): Promise<string[]> {
  let paths = [""];
  for (const part of parts) {
    const next: string[] = [];
    for (const path of paths) {
      const names = isPattern(part) ? (await namesIn(tree.root, path)).filter((name) => matchName(part, name)) : [part];
      next.push(...names.map((name) => (path === "" ? name : `${path}/${name}`)));
    }
    paths = next;
  }
  return paths;
}

async function selectOne(tree: SourceTree, path: string, signal: AbortSignal): Promise<Selection> {
  const resolved = await resolveInRoot(tree.root, path);
  const stat = await tree.root.stat(resolved);
  const name = path.split("/").at(-1) as string;
  if (stat === null) return { name, isFolder: false, files: [] };
  const files: SelectedFile[] = [];
  await collect(tree, { from: resolved, relative: "", stat }, files, signal);
  return { name, isFolder: stat.kind === "directory", files };
}

/** Ignored folders are still entered: a later "!" rule may take something in them back in. */
async function collect(
  tree: SourceTree,
  at: Pick<SelectedFile, "from" | "relative" | "stat">,
  files: SelectedFile[],
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const { kind } = at.stat;
  const ignored = at.from !== "" && tree.ignored(at.from);
  if (!ignored && kind === "file") files.push({ ...at, target: null, digest: await hashFile(tree.root, at.from) });
  else if (!ignored && kind === "symlink") files.push({ ...at, target: await tree.root.readlink(at.from), digest: null });
  else if (!ignored && (kind === "directory" || kind === "fifo")) files.push({ ...at, target: null, digest: null });
  if (kind !== "directory") return;
  for (const name of await namesIn(tree.root, at.from)) {
    const from = at.from === "" ? name : `${at.from}/${name}`;
    const stat = await tree.root.stat(from);
    if (stat !== null) await collect(tree, { from, relative: at.relative === "" ? name : `${at.relative}/${name}`, stat }, files, signal);
  }
}

async function namesIn(root: NativeRoot, path: string): Promise<string[]> {
  const resolved = await resolveInRoot(root, path);
  if (resolved !== "" && (await root.stat(resolved))?.kind !== "directory") return [];
  return (await root.list(resolved)).sort();
}

async function hashFile(root: NativeRoot, path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream("", { fd: await root.openFile(path, false), highWaterMark: 1 << 18 }))
    hash.update(chunk as Buffer);
  return hash.digest("hex");
}
