import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { findNvml } from "../../../src/node/gpu/index.ts";

const run = promisify(execFile);
/** A machine with the driver installed, then a driver container's root. BERTH_DRIVER_ROOT names another. */
const DRIVER_ROOTS = ["/", "/run/nvidia/driver"];
/** Where programs of a driver lie that is not in PATH. */
const PROGRAM_FOLDERS = ["/usr/bin", "/usr/local/nvidia/bin", "/run/nvidia/driver/usr/bin", "/opt/bin", "/usr/local/cuda/bin"];
const SECCOMP_PROFILES = ["/etc/containers/seccomp.json", "/usr/local/share/containers/seccomp.json", "/usr/share/containers/seccomp.json"];

/** A machine's own NVIDIA driver and what came with it. */
export interface RealDriver {
  driverRoot: string;
  /** libnvidia-ml's file. */
  nvml: string;
  /** For programs of this machine itself, whose loader may not know the driver's folder. */
  env: NodeJS.ProcessEnv;
  nvidiaSmi: string | null;
  nvcc: string | null;
}

/** Any GPU's node, not only the first one's: a container may have been given another. */
export async function hasGpu(): Promise<boolean> {
  return (await readdir("/dev")).some((name) => /^nvidia\d+$/.test(name));
}

/** @throws Error that says where the driver was looked for and what to do */
export async function findRealDriver(): Promise<RealDriver> {
  const asked = process.env["BERTH_DRIVER_ROOT"];
  const roots = asked === undefined ? DRIVER_ROOTS : [asked];
  for (const driverRoot of roots) {
    const nvml = await findNvml(driverRoot);
    if (nvml === null) continue;
    await makeMissingNodes();
    return { driverRoot, nvml, env: environmentWith(dirname(nvml)), nvidiaSmi: findProgram("nvidia-smi"), nvcc: findProgram("nvcc") };
  }
  throw new Error(
    [
      `there is a GPU, but no libnvidia-ml.so.1 in the usual folders or the ld.so.cache of ${roots.join(" or ")}`,
      ...(await elsewhere()),
      `kernel module: ${await readFile("/proc/driver/nvidia/version", "utf8").catch(() => "not loaded")}`,
      "set BERTH_DRIVER_ROOT to the root below which usr/lib... or lib64 holds the driver's libraries",
    ].join("\n"),
  );
}

function environmentWith(folder: string): NodeJS.ProcessEnv {
  const folders = [process.env["LD_LIBRARY_PATH"] ?? "", folder].filter((entry) => entry !== "");
  return { ...process.env, LD_LIBRARY_PATH: folders.join(delimiter) };
}

/** LD_LIBRARY_PATH says where programs of this shell find it; containers' planners do not read that. */
async function elsewhere(): Promise<string[]> {
  const folders = (process.env["LD_LIBRARY_PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const found = folders.filter((folder) => existsSync(join(folder, "libnvidia-ml.so.1")));
  return found.map((folder) => `it is in ${folder} (LD_LIBRARY_PATH): \`ldconfig ${folder}\` makes it known to this machine`);
}

/** The first CUDA program of a boot makes them; nobody may have run one yet. */
async function makeMissingNodes(): Promise<void> {
  const modprobe = findProgram("nvidia-modprobe");
  if (existsSync("/dev/nvidia-uvm") || modprobe === null) return;
  await run(modprobe, ["-c", "0", "-u"]).catch((error: unknown) => console.warn(`nvidia-modprobe: ${String(error)}`));
}

export function findProgram(name: string): string | null {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...PROGRAM_FOLDERS];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** Why no container can be run here; [] when one can. */
export async function missingForContainers(): Promise<string[]> {
  const missing: string[] = [];
  if (process.getuid?.() !== 0) missing.push("root");
  if (findProgram("runc") === null && findProgram("crun") === null) missing.push("runc or crun");
  if (findProgram("conmon") === null) missing.push("conmon");
  if (!SECCOMP_PROFILES.some((path) => existsSync(path))) missing.push("a seccomp profile (golang-github-containers-common)");
  const mounts = await run("unshare", ["-m", "true"]).catch((error: { stderr?: string }) => error);
  if ("code" in mounts) missing.push(`the right to mount (${String(mounts.stderr).trim()})`);
  return missing;
}
