import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorText } from "../../../../shared/domain/index.ts";
import type { Native } from "../../native.ts";
import type { GpuFacts } from "../machine-facts.ts";

const NVIDIA_VENDOR = "0x10de";
/** Display controllers and 3D controllers. */
const GPU_CLASS = /^0x03/;
const NVML_TIMEOUT_MS = 10_000;

/**
 * What the bus, /dev, the kernel module and NVML each say: that they differ is the finding. `native` null when the addon is
 * not built.
 */
export async function readGpu(native: Pick<Native, "nvml"> | null): Promise<GpuFacts> {
  const [pciDevices, deviceNodes, kernelDriver, nvml] = await Promise.all([
    countPciDevices(),
    countDeviceNodes(),
    readKernelDriver(),
    queryNvml(native),
  ]);
  return { pciDevices, deviceNodes, kernelDriver, nvml };
}

async function countPciDevices(): Promise<number> {
  const root = "/sys/bus/pci/devices";
  const names = await listOrNone(root);
  const matches = await Promise.all(
    names.map(
      async (name) =>
        (await textOrEmpty(join(root, name, "vendor"))) === NVIDIA_VENDOR && GPU_CLASS.test(await textOrEmpty(join(root, name, "class"))),
    ),
  );
  return matches.filter(Boolean).length;
}

async function countDeviceNodes(): Promise<number> {
  return (await listOrNone("/dev")).filter((name) => /^nvidia\d+$/.test(name)).length;
}

async function readKernelDriver(): Promise<string | null> {
  return (await textOrEmpty("/sys/module/nvidia/version")) || null;
}

/** NVML can hang in a sick driver: the answer is waited for only so long. */
async function queryNvml(native: Pick<Native, "nvml"> | null): Promise<GpuFacts["nvml"]> {
  if (native === null) return { error: "the addon is not built" };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${NVML_TIMEOUT_MS} ms`)), NVML_TIMEOUT_MS);
  });
  try {
    const report = await Promise.race([native.nvml.query("libnvidia-ml.so.1"), late]);
    return report === null ? null : { driverVersion: report.driverVersion, gpus: report.gpus.length };
  } catch (error) {
    return { error: errorText(error) };
  } finally {
    clearTimeout(timer);
  }
}

async function listOrNone(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}

async function textOrEmpty(path: string): Promise<string> {
  return readFile(path, "utf8").then(
    (text) => text.trim(),
    () => "",
  );
}
