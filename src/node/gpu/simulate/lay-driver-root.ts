import { execFile } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readlink, rename, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { SIMULATION_CONFIG } from "../driver-files/listing.ts";
import type { SimulatedMigDevice } from "./simulated-mig.ts";

const run = promisify(execFile);
export const LIBRARY_FOLDER = "usr/lib/x86_64-linux-gnu";
/** NVIDIA's registered major (Documentation/admin-guide/devices.txt, 195) and a usual dynamic one for UVM. */
const CONTROL_NODES = [
  ["nvidiactl", 195, 255],
  ["nvidia-uvm", 510, 0],
  ["nvidia-uvm-tools", 510, 1],
] as const;
/** Opens its pipe as the real one does, and serves nobody. */
const MPS_CONTROL = `#!/bin/sh
[ "$1" = -f ] || { echo "only -f is simulated" >&2; exit 1; }
echo "simulated MPS control daemon of $CUDA_VISIBLE_DEVICES" > /dev/shm/cuda.mps || exit 1
mkfifo "$CUDA_MPS_PIPE_DIRECTORY/control" || exit 1
exec sleep 1000000000
`;
/** A usual dynamic one, as UVM's. */
const CAPS_MAJOR = 511;
const PARAMS = "ModifyDeviceFiles: 1\nDeviceFileUID: 0\nDeviceFileGID: 0\nDeviceFileMode: 438\n";

export interface DriverRootRequest {
  driverRoot: string;
  count: number;
  seed: string;
  migDevices: readonly SimulatedMigDevice[];
  fakeBuildDir: string;
}

/** Builds the tree beside its place and renames it, so a driver root that exists is whole. */
export async function layDriverRoot(request: DriverRootRequest): Promise<void> {
  const temporary = await mkdtemp(join(dirname(request.driverRoot), ".new-"));
  for (const folder of [LIBRARY_FOLDER, "usr/bin", "dev", "proc/driver/nvidia"]) await mkdir(join(temporary, folder), { recursive: true });
  const names = await builtNames(request.fakeBuildDir);
  for (const name of names) await place(request.fakeBuildDir, name, temporary);
  await writeProgram(join(temporary, "usr/bin/nvidia-cuda-mps-control"), MPS_CONTROL);
  await writeTexts(temporary, versionOf(names), request);
  await makeNodes(join(temporary, "dev"), request.count);
  await layMigNodes(temporary, request.migDevices);
  await rename(temporary, request.driverRoot);
}

/** What `make` leaves in the fake's build folder. */
export async function builtNames(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => /^lib[a-z-]+\.so\.[\d.]+$/.test(name) || name === "nvidia-smi").sort();
}

function versionOf(names: string[]): string {
  return names.map((name) => /\.so\.(\d+\.[\d.]+)$/.exec(name)?.[1]).find((version) => version !== undefined) ?? "0";
}

async function place(from: string, name: string, root: string): Promise<void> {
  if (name === "nvidia-smi") return copyProgram(join(from, name), join(root, "usr/bin", name));
  const to = join(root, LIBRARY_FOLDER, name);
  if (!name.endsWith(".so.1")) return copyProgram(join(from, name), to);
  await symlink(await readlink(join(from, name)), to);
  await symlink(name, to.replace(/\.1$/, ""));
}

async function writeProgram(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await chmod(path, 0o755);
}

/** Containers of any user read these files: the umask of the build or of the agent must not decide that. */
async function copyProgram(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await chmod(to, 0o755);
}

async function writeTexts(root: string, version: string, request: DriverRootRequest): Promise<void> {
  const config = join(root, LIBRARY_FOLDER, SIMULATION_CONFIG);
  await writeFile(config, configOf(version, request));
  await chmod(config, 0o644);
  const proc = join(root, "proc/driver/nvidia");
  await writeFile(join(proc, "params"), PARAMS);
  await writeFile(join(proc, "version"), `NVRM version: NVIDIA UNIX x86_64 Kernel Module  ${version}  (simulated)\n`);
}

function configOf(version: string, { count, seed, driverRoot, migDevices }: DriverRootRequest): string {
  const device = { model: "NVIDIA H100 80GB HBM3 (simulated)", "memory-mib": 81559, "device-folder": join(driverRoot, "dev") };
  const mig = migDevices.map(({ gpu, place, profile, gpuInstance, memoryMib, uuid }) => [
    `mig.${gpu}.${place}`,
    `${profile} gi=${gpuInstance} ci=0 memory-mib=${memoryMib} uuid=${uuid}`,
  ]);
  const lines = [...Object.entries({ count, driver: version, seed, ...device }), ...mig];
  return lines.map(([key, value]) => `${key}=${value}\n`).join("");
}

async function makeNodes(dev: string, count: number): Promise<void> {
  const gpus = Array.from({ length: count }, (_, minor) => [`nvidia${minor}`, 195, minor] as const);
  for (const [name, major, minor] of [...gpus, ...CONTROL_NODES]) await makeNode(join(dev, name), major, minor);
}

/** /dev/nvidia-caps and what procfs says of it: one node for each GPU instance and one for its compute instance. */
async function layMigNodes(root: string, devices: readonly SimulatedMigDevice[]): Promise<void> {
  if (devices.length > 0) await mkdir(join(root, "dev/nvidia-caps"), { recursive: true });
  for (const [place, { gpu, gpuInstance }] of devices.entries()) {
    const instance = join(root, `proc/driver/nvidia/capabilities/gpu${gpu}/mig/gi${gpuInstance}`);
    await mkdir(join(instance, "ci0"), { recursive: true });
    for (const [folder, minor] of [[instance, 2 * place + 1] as const, [join(instance, "ci0"), 2 * place + 2] as const]) {
      await writeFile(join(folder, "access"), `DeviceFileMinor: ${minor}\nDeviceFileMode: 292\nDeviceFileModify: 1\n`);
      await makeNode(join(root, "dev/nvidia-caps", `nvidia-cap${minor}`), CAPS_MAJOR, minor);
    }
  }
}

async function makeNode(path: string, major: number, minor: number): Promise<void> {
  await run("/usr/bin/mknod", ["-m", "0666", path, "c", String(major), String(minor)], { env: {} });
}
