import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type DeviceRule,
  deviceRules,
  type GpuInventory,
  type InjectionPlan,
  planInjection,
  prepareSimulatedGpus,
  readDriverRoot,
  selectDriverFiles,
} from "../../../../src/node/gpu/index.ts";
import { FAKE_BUILD } from "./builds.ts";
import { must } from "./exec.ts";

/** A machine with `count` simulated GPUs and what the agent would know of it. */
export interface GpuMachine {
  folder: string;
  driverRoot: string;
  uuids: string[];
  planFor(uuids: string[]): Promise<{ plan: InjectionPlan; rules: DeviceRule[] }>;
  remove(): Promise<void>;
}

export async function makeGpuMachine(count: number): Promise<GpuMachine> {
  const folder = await mkdtemp(join(tmpdir(), "berth-gpu-"));
  const { driverRoot } = await prepareSimulatedGpus({ stateDir: folder, count, fakeBuildDir: FAKE_BUILD });
  const inventory = await inventoryOf(driverRoot);
  return {
    folder,
    driverRoot,
    uuids: inventory.gpus.map((gpu) => gpu.uuid),
    planFor: async (gpuUuids) => {
      const driverFiles = selectDriverFiles(await readDriverRoot(driverRoot), ["utility", "compute"], inventory.driverVersion);
      const plan = planInjection({ inventory, driverFiles, gpuUuids, capabilities: ["utility", "compute"], rootfs: { env: { PATH: "/bin" } } });
      return { plan, rules: deviceRules(plan) };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** `nvidia-smi -L` on the host, as lines "GPU 0: NAME (UUID: GPU-...)". */
export function listGpus(driverRoot: string): Promise<string> {
  return must(join(driverRoot, "usr/bin/nvidia-smi"), ["-L"], { env: { LD_LIBRARY_PATH: join(driverRoot, "usr/lib/x86_64-linux-gnu") } });
}

async function inventoryOf(driverRoot: string): Promise<GpuInventory> {
  const lines = (await listGpus(driverRoot)).trim().split("\n");
  const gpus = lines.map((line, index) => ({
    uuid: /UUID: (GPU-[0-9a-f-]+)/.exec(line)?.[1] ?? "",
    index,
    minor: index,
    pciBusId: `00000000:${(16 + index).toString(16)}:00.0`,
    model: "NVIDIA H100",
    memoryBytes: 80 * 2 ** 30,
    computeCapability: "9.0",
    healthy: true,
    problem: null,
  }));
  return { driverVersion: "550.163.01", cudaVersion: "12.4", simulated: true, gpus, problem: null };
}
