import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { release } from "node:os";
import { isBerthError } from "../../../../shared/domain/index.ts";
import { builtFiles, packageRoot } from "../../built-files.ts";
import { readCgroupLayout } from "../../cgroup/layout.ts";
import type { Native } from "../../native.ts";
import { loadNative } from "../../native-loader.ts";
import { parseCapabilities } from "../../process/own-privileges.ts";
import type { CgroupFacts, MachineFacts, RedisFacts, ToolName } from "../machine-facts.ts";
import { nearestFolder, probeOverlay, readDisk } from "./probe-data-dir.ts";
import { readGpu } from "./read-gpu.ts";
import { readTool } from "./read-tool.ts";

const TOOLS = ["runc", "crun", "conmon", "redis-server", "mmdebstrap", "iptables", "ip"] as const satisfies ToolName[];
const CNI_FOLDERS = ["/usr/lib/cni", "/opt/cni/bin"];
const SECCOMP_PROFILES = ["/usr/share/containers/seccomp.json", "/etc/containers/seccomp.json"];

/** Looks at this machine without changing it; a probe folder in the data dir's file system comes and goes. */
export async function readMachine(dataDir: string, redis: RedisFacts | null): Promise<MachineFacts> {
  const native = loadIfBuilt();
  const isRoot = process.geteuid?.() === 0;
  const folder = await nearestFolder(dataDir);
  const [os, filesystems, status, namespaces, tools, gpu, disk, mount, cgroups, cni] = await Promise.all([
    readOs(),
    readFile("/proc/filesystems", "utf8"),
    readFile("/proc/self/status", "utf8"),
    readdir("/proc/self/ns"),
    Promise.all(TOOLS.map(async (name) => [name, await readTool(name)] as const)),
    readGpu(native),
    readDisk(folder, native),
    probeOverlay(folder, isRoot),
    readCgroups(),
    readCni(),
  ]);
  return {
    nodeVersion: process.version,
    userId: process.geteuid?.() ?? -1,
    os,
    kernel: release(),
    overlay: { inKernel: /\boverlay$/m.test(filesystems), mount },
    cgroups,
    namespaces,
    seccomp: { kernel: /^Seccomp:/m.test(status), profile: SECCOMP_PROFILES.find((path) => existsSync(path)) ?? null },
    tools: Object.fromEntries(tools) as MachineFacts["tools"],
    cni,
    redis,
    gpu,
    disk,
    privileges: { capabilities: parseCapabilities(status), openFiles: finite(native?.rlimit("nofile").hard) },
    missingBuiltFiles: missingBuiltFiles(),
  };
}

function loadIfBuilt(): Native | null {
  try {
    return loadNative();
  } catch (error) {
    if (isBerthError(error, "missing_requirement")) return null;
    throw error;
  }
}

function missingBuiltFiles(): string[] {
  const { addon, leaseGuard, gpuPrestart } = builtFiles(packageRoot());
  return [addon, leaseGuard, gpuPrestart].filter((path) => !existsSync(path));
}

async function readOs(): Promise<MachineFacts["os"]> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, "m").exec(text)?.[1] ?? "";
  return { id: field("ID"), versionId: field("VERSION_ID"), name: field("PRETTY_NAME") };
}

async function readCgroups(): Promise<CgroupFacts> {
  try {
    const layout = await readCgroupLayout();
    if (layout.mode !== "v2") return { mode: layout.mode, controllers: Object.keys(layout.controllers).sort() };
    const controllers = await readFile(`${layout.unified}/cgroup.controllers`, "utf8");
    return { mode: "v2", controllers: controllers.trim().split(/\s+/) };
  } catch (error) {
    if (isBerthError(error, "missing_requirement")) return { mode: null, controllers: [] };
    throw error;
  }
}

async function readCni(): Promise<MachineFacts["cni"]> {
  const folder = CNI_FOLDERS.find((path) => existsSync(path)) ?? null;
  return { folder, plugins: folder === null ? [] : (await readdir(folder)).sort() };
}

function finite(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}
