import { readdir } from "node:fs/promises";
import { join } from "node:path";

const CPU_FOLDER = "/sys/devices/system/cpu";

/** Every CPU's thermal_throttle folder, which tells a container what its neighbours do: the spec knows no wildcards. */
export async function findHostMaskedPaths(cpuFolder: string = CPU_FOLDER): Promise<string[]> {
  const names = await readdir(cpuFolder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const cpus = names.filter((name) => /^cpu\d+$/.test(name));
  const throttled = await Promise.all(
    cpus.map(async (cpu) => ((await readdir(join(cpuFolder, cpu))).includes("thermal_throttle") ? [cpu] : [])),
  );
  return throttled.flat().map((cpu) => join(CPU_FOLDER, cpu, "thermal_throttle"));
}
