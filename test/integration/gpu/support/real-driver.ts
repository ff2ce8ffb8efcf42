import { copyFile, cp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DriverPackages } from "../../../support/driver-packages.ts";
import { FAKE_BUILD } from "./builds.ts";
import { must } from "./exec.ts";

const CURRENT = "usr/lib/x86_64-linux-gnu/nvidia/current";
const NODES = [
  ["nvidiactl", 195, 255],
  ["nvidia-uvm", 510, 0],
  ["nvidia-uvm-tools", 510, 1],
  ["nvidia-modeset", 195, 254],
] as const;

/**
 * A driver root of NVIDIA's own files as Debian installs them, links of its alternatives and ld.so.cache included. Only two things in it
 * are ours: device nodes with no driver behind them, and an NVML that knows `count` GPUs in place of libnvidia-ml's file.
 */
export async function layRealDriver(root: string, packages: DriverPackages, count: number): Promise<void> {
  await cp(packages.driver, root, { recursive: true, verbatimSymlinks: true });
  await linkAlternatives(root);
  await standInForNvml(root, packages.version, count);
  await layKernelSide(root, packages.version, count);
  await mkdir(join(root, "etc/ld.so.conf.d"), { recursive: true });
  await writeFile(join(root, "etc/ld.so.conf"), `/${CURRENT}\n`);
  await must("/sbin/ldconfig", ["-r", root]);
}

/** As update-alternatives of the package nvidia-alternative: absolute links, meant inside this root. */
async function linkAlternatives(root: string): Promise<void> {
  const links = [
    ["usr/lib/x86_64-linux-gnu/libcuda.so.1", "nvidia--libcuda.so.1-x86_64-linux-gnu", `/${CURRENT}/libcuda.so.1`],
    ["usr/bin/nvidia-smi", "nvidia--nvidia-smi", "/usr/lib/nvidia/current/nvidia-smi"],
  ] as const;
  await mkdir(join(root, "etc/alternatives"), { recursive: true });
  for (const [path, name, target] of links) {
    await symlink(target, join(root, "etc/alternatives", name));
    await symlink(`/etc/alternatives/${name}`, join(root, path));
  }
}

async function standInForNvml(root: string, version: string, count: number): Promise<void> {
  const file = join(root, CURRENT, `libnvidia-ml.so.${version}`);
  await rm(file);
  await copyFile(join(FAKE_BUILD, "libnvidia-ml.so.1"), file);
  const lines = [`count=${count}`, `driver=${version}`, "seed=real-driver", `device-folder=${join(root, "dev")}`];
  await writeFile(join(root, CURRENT, "fake-nvml.conf"), `${lines.join("\n")}\n`);
}

async function layKernelSide(root: string, version: string, count: number): Promise<void> {
  await mkdir(join(root, "dev"), { recursive: true });
  const gpus = Array.from({ length: count }, (_, minor) => [`nvidia${minor}`, 195, minor] as const);
  for (const [name, major, minor] of [...gpus, ...NODES]) {
    await must("mknod", ["-m", "0666", join(root, "dev", name), "c", String(major), String(minor)]);
  }
  const proc = join(root, "proc/driver/nvidia");
  await mkdir(proc, { recursive: true });
  await writeFile(join(proc, "params"), "ModifyDeviceFiles: 1\nDeviceFileMode: 438\n");
  await writeFile(join(proc, "version"), `NVRM version: NVIDIA UNIX x86_64 Kernel Module  ${version}  Release Build\n`);
}
