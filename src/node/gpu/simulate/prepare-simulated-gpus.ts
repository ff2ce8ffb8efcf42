import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { access, copyFile, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { BerthError } from "../../../shared/domain/index.ts";

const run = promisify(execFile);
const LIBRARY_FOLDER = "usr/lib/x86_64-linux-gnu";
const MAX_GPUS = 64;
/** NVIDIA's registered majors (Documentation/admin-guide/devices.txt, 195) and a usual dynamic one for UVM. */
const CONTROL_NODES = [
  ["nvidiactl", 195, 255],
  ["nvidia-uvm", 510, 0],
  ["nvidia-uvm-tools", 510, 1],
] as const;

export interface SimulationOptions {
  /** Folder this may own a sub-folder of. */
  stateDir: string;
  count: number;
  /** test/support/fake-nvidia/build. */
  fakeBuildDir: string;
}

export interface SimulatedGpus {
  driverRoot: string;
  nvmlLibrary: string;
}

/**
 * Lays a driver root with real character device nodes, a scriptable NVML and nvidia-smi. Idempotent: the same request finds
 * its own work, another count or another build makes a new root and drops the old. UUIDs come from a seed kept in `stateDir`, so they
 * outlast restarts and differ between data dirs. Needs root (mknod).
 * @throws BerthError invalid_request for a count outside 1..64; missing_requirement when the fake is not built, or on a
 *   machine with a real driver, whose GPUs the nodes would reach
 */
export async function prepareSimulatedGpus(options: SimulationOptions): Promise<SimulatedGpus> {
  await checkOptions(options);
  const home = join(options.stateDir, "simulated-gpus");
  await mkdir(home, { recursive: true, mode: 0o700 });
  const seed = await readSeed(home);
  const driverRoot = join(home, await keyOf(options, seed));
  if (!(await exists(driverRoot))) await layDriverRoot(driverRoot, options, seed);
  await dropOthers(home, basename(driverRoot));
  return { driverRoot, nvmlLibrary: join(driverRoot, LIBRARY_FOLDER, "libnvidia-ml.so.1") };
}

async function checkOptions({ count, fakeBuildDir }: SimulationOptions): Promise<void> {
  if (!Number.isInteger(count) || count < 1 || count > MAX_GPUS) {
    throw new BerthError("invalid_request", `${count} simulated GPUs; choose 1 to ${MAX_GPUS}`);
  }
  if (await exists("/proc/driver/nvidia/version")) {
    throw new BerthError(
      "missing_requirement",
      "this machine has a real NVIDIA driver, whose GPUs simulated ones would reach; start without --simulate-gpus",
    );
  }
  if (!(await exists(join(fakeBuildDir, "nvidia-smi")))) {
    throw new BerthError("missing_requirement", `${fakeBuildDir}/nvidia-smi is missing; \`npm run build:native\` builds it`);
  }
}

/** Never half written: the file appears whole or not at all. */
async function readSeed(home: string): Promise<string> {
  const path = join(home, "seed");
  if (!(await exists(path))) {
    const temporary = `${path}.${randomBytes(6).toString("hex")}`;
    await writeFile(temporary, randomBytes(16).toString("hex"), { flag: "wx", flush: true });
    await rename(temporary, path);
  }
  return (await readFile(path, "utf8")).trim();
}

async function keyOf({ count, fakeBuildDir }: SimulationOptions, seed: string): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([count, seed]));
  for (const name of await builtNames(fakeBuildDir)) {
    hash.update(name);
    if (!name.endsWith(".so.1")) hash.update(await readFile(join(fakeBuildDir, name)));
  }
  return `root-${hash.digest("hex").slice(0, 16)}`;
}

async function builtNames(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => /^lib[a-z-]+\.so\.[\d.]+$/.test(name) || name === "nvidia-smi").sort();
}

async function layDriverRoot(driverRoot: string, options: SimulationOptions, seed: string): Promise<void> {
  const temporary = await mkdtemp(join(dirname(driverRoot), ".new-"));
  for (const folder of [LIBRARY_FOLDER, "usr/bin", "dev", "proc/driver/nvidia"]) await mkdir(join(temporary, folder), { recursive: true });
  for (const name of await builtNames(options.fakeBuildDir)) await place(options.fakeBuildDir, name, temporary);
  const version =
    (await builtNames(options.fakeBuildDir)).map((name) => /\.so\.(\d+\.[\d.]+)$/.exec(name)?.[1]).find((found) => found !== undefined) ??
    "0";
  await writeFile(join(temporary, LIBRARY_FOLDER, "fake-nvml.conf"), configOf(options.count, version, seed, join(driverRoot, "dev")));
  await writeFile(
    join(temporary, "proc/driver/nvidia/params"),
    "ModifyDeviceFiles: 1\nDeviceFileUID: 0\nDeviceFileGID: 0\nDeviceFileMode: 438\n",
  );
  await writeFile(
    join(temporary, "proc/driver/nvidia/version"),
    `NVRM version: NVIDIA UNIX x86_64 Kernel Module  ${version}  (simulated)\n`,
  );
  await makeNodes(join(temporary, "dev"), options.count);
  await rename(temporary, driverRoot);
}

async function place(from: string, name: string, root: string): Promise<void> {
  if (name === "nvidia-smi") return copyFile(join(from, name), join(root, "usr/bin", name));
  const to = join(root, LIBRARY_FOLDER, name);
  if (!name.endsWith(".so.1")) return copyFile(join(from, name), to);
  await symlink(await readlink(join(from, name)), to);
  await symlink(name, to.replace(/\.1$/, ""));
}

function configOf(count: number, version: string, seed: string, deviceFolder: string): string {
  const lines = {
    count,
    driver: version,
    seed,
    "device-folder": deviceFolder,
    model: "NVIDIA H100 80GB HBM3 (simulated)",
    "memory-mib": 81559,
  };
  return Object.entries(lines)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

async function makeNodes(dev: string, count: number): Promise<void> {
  const gpus = Array.from({ length: count }, (_, minor) => [`nvidia${minor}`, 195, minor] as const);
  for (const [name, major, minor] of [...gpus, ...CONTROL_NODES]) {
    await run("/usr/bin/mknod", ["-m", "0666", join(dev, name), "c", String(major), String(minor)], { env: {} });
  }
}

/** Running containers keep what they have mounted: a removed file lives as long as its mount. */
async function dropOthers(home: string, keep: string): Promise<void> {
  const names = (await readdir(home)).filter((name) => (name.startsWith("root-") && name !== keep) || name.startsWith(".new-"));
  for (const name of names) await rm(join(home, name), { recursive: true, force: true });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
