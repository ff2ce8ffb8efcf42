import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder } from "../../platform/index.ts";
import { type DriverLayerOptions, layerTree, type Tree } from "./layer-tree.ts";

/** Below the state folder. */
export const LAYERS_FOLDER = "gpu-layers";

/**
 * A small read-only overlay layer for GPU containers, to be put on top of the image's (see layerTree). Being a layer, none of it
 * lands in the container's writable one. Named by its content, so images share them. Resolves to its path.
 */
export async function prepareDriverLayer(options: DriverLayerOptions): Promise<string> {
  const tree = await layerTree(options);
  const layer = join(options.stateDir, LAYERS_FOLDER, keyOf(tree));
  await mkdir(dirname(layer), { recursive: true, mode: 0o700 });
  if (!(await isFolder(layer))) await lay(tree, layer);
  return layer;
}

function keyOf(tree: Tree): string {
  const hash = createHash("sha256");
  for (const [path, content] of [...tree].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${path}\0${content === null ? -1 : content.length}\0`).update(content ?? "");
  }
  return hash.digest("hex").slice(0, 32);
}

async function lay(tree: Tree, layer: string): Promise<void> {
  const temporary = await mkdtemp(join(dirname(layer), ".new-"));
  const root = join(temporary, "fs");
  await mkdir(root);
  for (const [path, content] of tree) await layEntry(join(root, path), content);
  for (const folder of foldersOf(tree)) await finishFolder(join(root, folder));
  try {
    await rename(root, layer);
    await syncFolder(dirname(layer));
  } catch (error) {
    // Somebody laid the same content first.
    if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY" && (error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Every folder of the tree, so that a layer that has its name is whole even after a power cut. */
function foldersOf(tree: Tree): string[] {
  const folders = new Set<string>(["."]);
  for (const [path, content] of tree) {
    for (let at = content === null ? path : dirname(path); at !== "."; at = dirname(at)) folders.add(at);
  }
  return [...folders];
}

/** The container sees these modes on its /etc and /usr: the agent's umask must not decide them. */
async function finishFolder(path: string): Promise<void> {
  await chmod(path, 0o755);
  await syncFolder(path);
}

async function layEntry(path: string, content: Buffer | string | null): Promise<void> {
  await mkdir(content === null ? path : dirname(path), { recursive: true });
  if (typeof content === "string") await symlink(content.slice(2), path);
  else if (content !== null) await writeReadable(path, content);
}

async function writeReadable(path: string, content: Buffer): Promise<void> {
  await writeFile(path, content, { flush: true });
  await chmod(path, 0o644);
}

async function isFolder(path: string): Promise<boolean> {
  return readdir(path).then(
    () => true,
    () => false,
  );
}
