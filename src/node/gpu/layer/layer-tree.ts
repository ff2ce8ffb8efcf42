import { basename, dirname } from "node:path";
import type { DriverFile, DriverFiles, InjectionPlan } from "../types.ts";
import { type ImageView, imageView, readImageFile } from "./image-entry.ts";
import type { LdCache } from "./ld-cache-format.ts";
import { mergeLdCache } from "./merge-ld-cache.ts";
import { parseLdCache } from "./parse-ld-cache.ts";
import { writeLdCache } from "./write-ld-cache.ts";

const MAX_CACHE_BYTES = 8 * 2 ** 20;
const MUSL_ARCHITECTURES: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };
const MUSL_DEFAULT = "/lib:/usr/local/lib:/usr/lib";
const PROFILES_FOLDER = "/etc/nvidia/nvidia-application-profiles-rc.d";

/** What to lay, by path: bytes of a file, "->" and the target of a link, null for a folder. */
export type Tree = Map<string, Buffer | string | null>;
/** The wish and a look at the image. */
type Source = DriverLayerOptions & { entryAt: ImageView };
type Part = [path: string, content: Buffer | string | null][];

export interface DriverLayerOptions {
  stateDir: string;
  /** The image's layers, top first. */
  lowerDirs: readonly string[];
  driverFiles: DriverFiles;
  /** "/usr/local/nvidia" */
  driverFolder: string;
  architecture: string;
  /** What the hook mounts outside the driver folder. */
  mountPoints?: readonly MountPoint[];
  /** Libraries of the image that stand in for the driver's: CUDA forward compatibility. */
  imageCompat?: { folder: string; names: readonly string[] } | null;
}

export interface MountPoint {
  path: string;
  kind: "file" | "folder";
}

/** The hook makes these where they are missing, and they would stay in the container's writable layer. */
export function mountPointsOf(plan: InjectionPlan): MountPoint[] {
  const outside = plan.mounts.filter(({ containerPath }) => !containerPath.startsWith(`${plan.driverFolder}/`));
  const mounts = outside.map(
    ({ containerPath, kind }): MountPoint => ({ path: containerPath, kind: kind === "folder" ? "folder" : "file" }),
  );
  return plan.applicationProfile === undefined ? mounts : [...mounts, { path: PROFILES_FOLDER, kind: "folder" }];
}

/**
 * The mount points of the driver folder and of what lies outside it, the image's ld.so.cache with the driver's libraries merged in,
 * an ld.so.conf.d line so that a later `ldconfig` in the container keeps them, the same for musl's loader, links in /usr/bin, and
 * links at the places where programs look for ICD manifests and the like. Where the image has a link or a file in the way, that part is left out.
 */
export async function layerTree(asked: DriverLayerOptions): Promise<Tree> {
  const options = { ...asked, entryAt: imageView(asked.lowerDirs) };
  const parts = await Promise.all([
    folderPoint(options, options.driverFolder.slice(1)),
    loaderCache(options),
    loaderConfig(options),
    muslPath(options),
    ...commandLinks(options),
    ...options.driverFiles.fixedFiles.map((file) => fixedLink(options, file)),
    ...(options.mountPoints ?? []).map((point) => mountPoint(options, point)),
  ]);
  return new Map(parts.flat());
}

async function folderPoint({ entryAt }: Source, path: string): Promise<Part> {
  const { kind } = await entryAt(path);
  return kind === "absent" || kind === "folder" ? [[path, null]] : [];
}

async function mountPoint(options: Source, { path, kind }: MountPoint): Promise<Part> {
  if (kind === "folder") return folderPoint(options, path.slice(1));
  const { kind: found } = await options.entryAt(path.slice(1));
  return found === "absent" ? [[path.slice(1), Buffer.alloc(0)]] : [];
}

async function loaderCache(options: Source): Promise<Part> {
  const path = "etc/ld.so.cache";
  const { kind, hostPath } = await options.entryAt(path);
  if (kind !== "absent" && kind !== "file") return [];
  const bytes = hostPath === null ? null : await readImageFile(hostPath, MAX_CACHE_BYTES);
  const image = bytes === null ? null : parseLdCache(bytes);
  // Damaged, or a format of another libc: replacing it could only take libraries away.
  if (kind === "file" && image === null) return [];
  return [[path, writeLdCache(mergedCache(image, options))]];
}

function mergedCache(image: LdCache | null, { driverFiles, driverFolder, architecture, imageCompat }: DriverLayerOptions): LdCache {
  const { libraries, libraryLinks, libraries32, libraryLinks32 } = driverFiles;
  const driver = mergeLdCache(image, `${driverFolder}/lib64`, libraryNames(libraries, libraryLinks), architecture);
  const merged = imageCompat ? mergeLdCache(driver, imageCompat.folder, imageCompat.names, architecture) : driver;
  return libraries32.length === 0 ? merged : mergeLdCache(merged, `${driverFolder}/lib`, libraryNames(libraries32, libraryLinks32), "ia32");
}

function libraryNames(files: DriverFile[], links: DriverFiles["libraryLinks"]): string[] {
  return [...files, ...links].map((file) => file.name).filter((name) => name.includes(".so"));
}

async function loaderConfig({ entryAt, driverFolder, driverFiles, imageCompat }: Source): Promise<Part> {
  const { kind } = await entryAt("etc/ld.so.conf.d");
  const folders = driverFiles.libraries32.length > 0 ? ["lib64", "lib"] : ["lib64"];
  const lines = [...(imageCompat ? [imageCompat.folder] : []), ...folders.map((folder) => `${driverFolder}/${folder}`)].join("\n");
  return kind === "folder" ? [["etc/ld.so.conf.d/00-berth-nvidia.conf", Buffer.from(`${lines}\n`)]] : [];
}

/**
 * musl's loader has no cache, but a list of folders (musl's ldso/dynlink.c). glibc's libraries do not run on musl by themselves;
 * images that bring a glibc beside it, or gcompat, find them.
 */
async function muslPath({ entryAt, driverFolder, architecture }: Source): Promise<Part> {
  const name = `ld-musl-${MUSL_ARCHITECTURES[architecture] ?? architecture}`;
  const loaders = await Promise.all(["lib", "usr/lib"].map((folder) => entryAt(`${folder}/${name}.so.1`)));
  const path = `etc/${name}.path`;
  const { kind, hostPath } = await entryAt(path);
  if (!loaders.some((loader) => loader.kind === "file") || (kind !== "absent" && kind !== "file")) return [];
  const bytes = hostPath === null ? null : await readImageFile(hostPath, MAX_CACHE_BYTES);
  const folders = (bytes?.toString("utf8") ?? MUSL_DEFAULT).split(/[:\n]+/).filter((folder) => folder !== "");
  return [[path, Buffer.from([...folders, `${driverFolder}/lib64`, ""].join("\n"))]];
}

/** Scripts call /usr/bin/nvidia-smi by its path. */
function commandLinks({ entryAt, driverFiles, driverFolder }: Source): Promise<Part>[] {
  return driverFiles.binaries.map(async ({ name }): Promise<Part> => {
    const folder = await entryAt("usr/bin");
    const { kind } = await entryAt(`usr/bin/${name}`);
    return folder.kind === "folder" && kind === "absent" ? [[`usr/bin/${name}`, `->${driverFolder}/bin/${name}`]] : [];
  });
}

/** In the library folders only where the image has that kind of library folder; a manifest's folder is made. */
async function fixedLink(options: Source, { path, place }: DriverFiles["fixedFiles"][number]): Promise<Part> {
  const at = place.slice(1);
  const { kind } = await options.entryAt(at);
  const home = /^usr\/(?:share|lib64|lib\/[^/]+-linux-gnu|lib)(?=\/)|^etc(?=\/)/.exec(at)?.[0] ?? dirname(at);
  const isMade = /^(?:usr\/share|etc)$/.test(home) || (await options.entryAt(home)).kind === "folder";
  return kind === "absent" && isMade && basename(at) !== "" ? [[at, `->${options.driverFolder}/${path}`]] : [];
}
