import { chmod, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { BerthError } from "../../../shared/domain/index.ts";
import { exists, type Native, type NativeRoot, readMounts, runProgram } from "../../platform/index.ts";

/** Where a container's own files are kept; both folders on one file system. */
export interface WritableLayer {
  upper: string;
  work: string;
}

const MIB = 1024 ** 2;
/** Less than this holds nothing but the file system's own tables. */
const LEAST_BYTES = 16 * MIB;
const MNT_DETACH = 2;

/** Where the layer is when it has a folder of its own. */
const OWN_FOLDER = "writable";

/**
 * Without a limit, plain folders. `mapped` ones lie below a folder that only the host's root passes: the owners on disk are the
 * container's ids then, and a setuid file of its root would be one of the host's root for whoever reached it past the mount.
 * With a limit, an ext4 file system of that size in the sparse file <containerDir>/writable.img:
 * project quotas need a mount option that the root file system of most machines lacks, and a remount to get it. The loop
 * device clears itself when the file system is unmounted (mount(8) sets LO_FLAGS_AUTOCLEAR in the same call that binds it),
 * so no kill leaves one behind.
 * @param bytes the file system's own tables (about 2 %) included; null for no limit
 * @throws BerthError invalid_request (too small), missing_requirement (no mkfs.ext4), insufficient_storage, internal
 */
export async function makeWritableLayer(containerDir: string, bytes: number | null, mapped: boolean): Promise<WritableLayer> {
  if (bytes !== null) await mountImage(containerDir, bytes);
  const folder = bytes === null && !mapped ? containerDir : join(containerDir, OWN_FOLDER);
  if (folder !== containerDir) await closeToOthers(folder);
  const layer = { upper: join(folder, "upper"), work: join(folder, "work") };
  for (const path of Object.values(layer)) await mkdir(path, { recursive: true, mode: 0o700 });
  return layer;
}

/** The folder that `openUpper` reads may be on a file system that is not mounted any more: then it is, as long as it is read. */
export async function openUpper(native: Native, containerDir: string): Promise<NativeRoot> {
  const image = join(containerDir, "writable.img");
  const folder = join(containerDir, OWN_FOLDER);
  if (!(await exists(image))) return native.openRoot(join((await exists(folder)) ? folder : containerDir, "upper"));
  if (await isMountPoint(folder)) return native.openRoot(join(folder, "upper"));
  await mountLoop(image, folder, "ro");
  try {
    return await native.openRoot(join(folder, "upper"));
  } finally {
    // The open folder keeps the file system; it and its loop device go when that is closed.
    await native.unmount(folder, MNT_DETACH);
  }
}

async function mountImage(containerDir: string, bytes: number): Promise<void> {
  if (bytes < LEAST_BYTES) throw new BerthError("invalid_request", `a storage limit of ${bytes} bytes is less than ${LEAST_BYTES}`);
  const [image, folder] = [join(containerDir, "writable.img"), join(containerDir, OWN_FOLDER)];
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (await isMountPoint(folder)) return;
  if (!(await exists(image))) await makeImage(image, bytes);
  await mountLoop(image, folder, "rw");
}

/** The root of a new file system lets everybody pass. */
async function closeToOthers(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
}

/** Named only when it is whole. */
async function makeImage(image: string, bytes: number): Promise<void> {
  const unfinished = `${image}.tmp`;
  await rm(unfinished, { force: true });
  const file = await open(unfinished, "wx", 0o600);
  await file.truncate(bytes).finally(() => file.close());
  // No journal: after a crash of the machine the container is gone, and nothing reads what it wrote.
  const options = ["-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0"];
  await must("mkfs.ext4", [...options, unfinished]);
  await rename(unfinished, image);
}

/** `discard`: what the container deletes is free on the host at once. */
async function mountLoop(image: string, folder: string, mode: "rw" | "ro"): Promise<void> {
  const options = mode === "rw" ? "loop,rw,noatime,discard,noinit_itable" : "loop,ro,noload";
  await must("mount", ["-t", "ext4", "-o", options, image, folder]);
}

async function must(program: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(program, args);
  if (code !== 0) throw new BerthError("internal", `${program} for a storage limit failed: ${stderr.trim().slice(0, 500)}`);
}

async function isMountPoint(path: string): Promise<boolean> {
  return (await readMounts()).some(({ mountPoint }) => mountPoint === path);
}
