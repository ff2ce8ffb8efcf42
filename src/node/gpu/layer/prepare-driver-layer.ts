import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder } from "../../platform/index.ts";
import type { DriverFiles } from "../types.ts";
import { imageEntry, readImageFile } from "./image-entry.ts";
import { mergeLdCache } from "./merge-ld-cache.ts";
import { parseLdCache } from "./parse-ld-cache.ts";
import { writeLdCache } from "./write-ld-cache.ts";

const MAX_CACHE_BYTES = 8 * 2 ** 20;

export interface DriverLayerOptions {
  stateDir: string;
  /** The image's layers, top first. */
  lowerDirs: readonly string[];
  driverFiles: DriverFiles;
  /** "/usr/local/nvidia" */
  driverFolder: string;
  architecture: string;
}

/** What to lay, by path: bytes of a file, "->" and the target of a link, null for a folder. */
type Tree = Map<string, Buffer | string | null>;
type Part = [path: string, content: Buffer | string | null][];

/**
 * A small read-only overlay layer for GPU containers, to be put on top of the image's: the mount point of the driver folder,
 * the image's ld.so.cache with the driver's libraries merged in, an ld.so.conf.d line so that a later `ldconfig` in the container
 * keeps them, and links in /usr/bin. Being a layer, none of it lands in the container's writable one. Where the image has a link
 * or a file in the way, that part is left out. Named by its content, so images share them. Resolves to its path.
 */
export async function prepareDriverLayer(options: DriverLayerOptions): Promise<string> {
  const tree = await treeFor(options);
  const layer = join(options.stateDir, "gpu-layers", keyOf(tree));
  await mkdir(dirname(layer), { recursive: true, mode: 0o700 });
  if (!(await isFolder(layer))) await lay(tree, layer);
  return layer;
}

async function treeFor(options: DriverLayerOptions): Promise<Tree> {
  const parts = await Promise.all([...mountPoints(options), loaderCache(options), loaderConfig(options), ...commandLinks(options)]);
  return new Map(parts.flat());
}

/** What the hook mounts on: the driver folder, and NVIDIA's folder of application profiles for graphics. */
function mountPoints(options: DriverLayerOptions): Promise<Part>[] {
  return [options.driverFolder.slice(1), "etc/nvidia/nvidia-application-profiles-rc.d"].map((path) => mountPoint(path, options));
}

async function mountPoint(path: string, { lowerDirs }: DriverLayerOptions): Promise<Part> {
  const { kind } = await imageEntry(lowerDirs, path);
  return kind === "absent" || kind === "folder" ? [[path, null]] : [];
}

async function loaderCache(options: DriverLayerOptions): Promise<Part> {
  const path = "etc/ld.so.cache";
  const { kind, layer } = await imageEntry(options.lowerDirs, path);
  if (kind !== "absent" && kind !== "file") return [];
  const bytes = layer === null || kind === "absent" ? null : await readImageFile(join(layer, path), MAX_CACHE_BYTES);
  const image = bytes === null ? null : parseLdCache(bytes);
  // Damaged, or a format of another libc: replacing it could only take libraries away.
  if (kind === "file" && image === null) return [];
  const names = libraryNames(options.driverFiles);
  return [[path, writeLdCache(mergeLdCache(image, `${options.driverFolder}/lib64`, names, options.architecture))]];
}

function libraryNames(files: DriverFiles): string[] {
  return [...files.libraries, ...files.libraryLinks].map((file) => file.name).filter((name) => name.includes(".so"));
}

async function loaderConfig({ lowerDirs, driverFolder }: DriverLayerOptions): Promise<Part> {
  const { kind } = await imageEntry(lowerDirs, "etc/ld.so.conf.d");
  return kind === "folder" ? [["etc/ld.so.conf.d/00-berth-nvidia.conf", Buffer.from(`${driverFolder}/lib64\n`)]] : [];
}

/** Scripts call /usr/bin/nvidia-smi by its path. */
function commandLinks({ lowerDirs, driverFiles, driverFolder }: DriverLayerOptions): Promise<Part>[] {
  return driverFiles.binaries.map(async ({ name }): Promise<Part> => {
    const folder = await imageEntry(lowerDirs, "usr/bin");
    const { kind } = await imageEntry(lowerDirs, `usr/bin/${name}`);
    return folder.kind === "folder" && kind === "absent" ? [[`usr/bin/${name}`, `->${driverFolder}/bin/${name}`]] : [];
  });
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
