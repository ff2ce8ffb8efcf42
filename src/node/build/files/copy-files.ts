import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { NativeRoot } from "../../platform/index.ts";
import type { Owner } from "./owner.ts";
import { partsOf, resolveInRoot } from "./resolve-in-root.ts";
import type { SelectedFile, Selection } from "./select-files.ts";

interface CopyPlan {
  source: NativeRoot;
  target: NativeRoot;
  selections: readonly Selection[];
  /** Absolute path in the image; a trailing slash says it is a folder. */
  destination: string;
  /** Null keeps the files' own. */
  owner: Owner | null;
  /** Replaces permission bits; null keeps the files' own. */
  mode: number | null;
  /** Nanoseconds: time of folders made on the way. */
  mtimeNs: bigint;
  signal: AbortSignal;
}

const S_IFIFO = 0o010000;

/** Copies as the Dockerfile reference says of COPY. Throws an Error saying what is wrong. */
export async function copyFiles(plan: CopyPlan): Promise<void> {
  const many = plan.selections.length > 1;
  if (many && !plan.destination.endsWith("/"))
    throw new Error(`several sources need a destination folder ending with /, not ${plan.destination}`);
  const destination = await resolveInRoot(plan.target, plan.destination);
  const existing = await plan.target.stat(destination);
  const intoFolder = plan.destination.endsWith("/") || existing?.kind === "directory";
  for (const selection of plan.selections) {
    const base = selection.isFolder || !intoFolder ? destination : joined(destination, selection.name);
    await makeFolders(plan, selection.isFolder ? base : parentOf(base));
    for (const file of selection.files) {
      const to = joined(base, file.relative);
      // The ignore file may leave out a folder and take one of its files back in.
      if (file.relative.includes("/")) await makeFolders(plan, parentOf(to));
      await copyOne(plan, file, to, file.relative === "");
    }
  }
}

/** mkdir -p: what is there keeps its metadata. */
export async function makeFolders(plan: Pick<CopyPlan, "target" | "owner" | "mtimeNs">, path: string): Promise<void> {
  let here = "";
  for (const part of partsOf(path)) {
    here = joined(here, part);
    const resolved = await resolveInRoot(plan.target, here);
    const existing = await plan.target.stat(resolved);
    if (existing !== null && existing.kind !== "directory")
      throw new Error(`/${here} is in the way: it is a ${existing.kind}, not a folder`);
    if (existing !== null) continue;
    await plan.target.mkdir(resolved, 0o755);
    await plan.target.setMetadata(resolved, { ...(plan.owner ?? { uid: 0, gid: 0 }), mode: 0o755, mtimeNs: plan.mtimeNs, xattrs: {} });
  }
}

async function copyOne(plan: CopyPlan, file: SelectedFile, to: string, isTop: boolean): Promise<void> {
  plan.signal.throwIfAborted();
  const existing = await plan.target.stat(to);
  if (file.stat.kind === "directory") {
    if (existing?.kind === "directory" || isTop) return;
    if (existing !== null && !(await isFolderLink(plan.target, to))) throw new Error(`/${to} is in the way of a folder`);
    if (existing !== null) return;
    await plan.target.mkdir(to, 0o700);
  } else {
    if (existing?.kind === "directory") throw new Error(`/${to} is a folder: a file cannot replace it`);
    await plan.target.remove(to);
    await makeEntry(plan, file, to);
  }
  const owner = plan.owner ?? { uid: file.stat.uid, gid: file.stat.gid };
  const mode = plan.mode ?? file.stat.mode;
  await plan.target.setMetadata(to, { ...owner, mode, mtimeNs: file.stat.mtimeNs, xattrs: {} });
}

async function makeEntry(plan: CopyPlan, file: SelectedFile, to: string): Promise<void> {
  if (file.stat.kind === "symlink") return plan.target.symlink(file.target as string, to);
  if (file.stat.kind === "fifo") return plan.target.mknod(to, S_IFIFO | 0o600, 0, 0);
  const from = createReadStream("", { fd: await plan.source.openFile(file.from, false), highWaterMark: 1 << 18 });
  await pipeline(from, createWriteStream("", { fd: await plan.target.createFile(to, 0o600) }), { signal: plan.signal });
}

async function isFolderLink(root: NativeRoot, path: string): Promise<boolean> {
  return (await root.stat(await resolveInRoot(root, path)))?.kind === "directory";
}

function parentOf(path: string): string {
  return path.split("/").slice(0, -1).join("/");
}

function joined(folder: string, name: string): string {
  if (name === "") return folder;
  return folder === "" ? name : `${folder}/${name}`;
}
