import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { CAPABILITY_FILES } from "./capability-files.ts";
import { type DriverRootListing, type ListedFile, type ListedNode, SIMULATION_CONFIG } from "./listing.ts";
import { BINARY_FOLDERS, LIBRARY_FOLDERS } from "./search-folders.ts";

const LIBRARY_NAMES = Object.values(CAPABILITY_FILES).flatMap((files) => files.libraries);
const BINARY_NAMES = new Set(Object.values(CAPABILITY_FILES).flatMap((files) => files.binaries));
const LIBRARY_PATTERN = new RegExp(`^(?:${LIBRARY_NAMES.join("|")})\\.so(?:\\.|$)`);

/**
 * Looks at a driver root ("/" on a normal machine, /run/nvidia/driver with a driver container). What is missing is left out;
 * only an error other than "not there" is thrown, as Node's own error.
 */
export async function readDriverRoot(driverRoot: string): Promise<DriverRootListing> {
  const [libraries, binaries, nodes, firmware, params] = await Promise.all([
    listFiles(driverRoot, LIBRARY_FOLDERS, (name) => LIBRARY_PATTERN.test(name) || name === SIMULATION_CONFIG),
    listFiles(driverRoot, BINARY_FOLDERS, (name) => BINARY_NAMES.has(name)),
    listNodes(join(driverRoot, "dev")),
    listFirmware(join(driverRoot, "lib/firmware/nvidia")),
    readOptional(join(driverRoot, "proc/driver/nvidia/params")),
  ]);
  return { libraries, binaries, nodes, firmware, params };
}

async function listFiles(root: string, folders: readonly string[], wanted: (name: string) => boolean): Promise<ListedFile[]> {
  const found = await Promise.all(folders.map((folder) => listFolder(join(root, folder), wanted)));
  return found.flat();
}

async function listFolder(folder: string, wanted: (name: string) => boolean): Promise<ListedFile[]> {
  const names = (await namesIn(folder)).filter(wanted).sort();
  const files = await Promise.all(names.map((name) => resolveFile(folder, name)));
  return files.filter((file) => file !== null);
}

async function resolveFile(folder: string, name: string): Promise<ListedFile | null> {
  const realPath = await orNull(realpath(join(folder, name)));
  const status = realPath === null ? null : await orNull(stat(realPath));
  return realPath !== null && status?.isFile() ? { folder, name, realPath } : null;
}

async function listNodes(dev: string): Promise<ListedNode[]> {
  const names = (await namesIn(dev)).filter((name) => name.startsWith("nvidia")).sort();
  const nodes = await Promise.all(names.map((name) => statNode(dev, name)));
  return nodes.filter((node) => node !== null);
}

async function statNode(dev: string, name: string): Promise<ListedNode | null> {
  const hostPath = join(dev, name);
  const status = await orNull(stat(hostPath));
  if (!status?.isCharacterDevice()) return null;
  const { major, minor } = deviceNumbers(status.rdev);
  return { name, hostPath, major, minor, fileMode: status.mode & 0o777, uid: status.uid, gid: status.gid };
}

/** Linux dev_t as glibc packs it: minor bits 0-7 and 20-31, major bits 8-19 (gnu_dev_makedev). */
function deviceNumbers(rdev: number): { major: number; minor: number } {
  const high = Math.floor(rdev / 0x100000);
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((high & 0xfff) << 8) };
}

async function listFirmware(folder: string): Promise<string[]> {
  const versions = await namesIn(folder);
  const files = await Promise.all(versions.map((version) => firmwareOf(join(folder, version))));
  return files.flat().sort();
}

async function firmwareOf(folder: string): Promise<string[]> {
  const names = await namesIn(folder);
  return names.filter((name) => /^gsp.*\.bin$/.test(name)).map((name) => join(folder, name));
}

async function namesIn(folder: string): Promise<string[]> {
  return (await orNull(readdir(folder))) ?? [];
}

function readOptional(path: string): Promise<string | null> {
  return orNull(readFile(path, "utf8"));
}

async function orNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw error;
  }
}
