import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type DeviceRule,
  DRIVER_FOLDER,
  type DriverFiles,
  deviceRules,
  type GpuInventory,
  type InjectionPlan,
  planInjection,
  prepareDriverLayer,
  prepareSimulatedGpus,
  readDriverRoot,
  selectDriverFiles,
} from "../../../../src/node/gpu/index.ts";
import { gpuOf } from "../../../support/control-samples.ts";
import { FAKE_BUILD } from "./builds.ts";
import { must } from "./exec.ts";

/** A machine with `count` simulated GPUs and what the agent would know of it. */
export interface GpuMachine {
  folder: string;
  driverRoot: string;
  inventory: GpuInventory;
  uuids: string[];
  planFor(uuids: string[]): Promise<{ plan: InjectionPlan; rules: DeviceRule[] }>;
  /** The driver layer for an image of these layers. */
  layerFor(lowerDirs: string[]): Promise<string>;
  remove(): Promise<void>;
}

export async function makeGpuMachine(count: number): Promise<GpuMachine> {
  const folder = await mkdtemp(join(tmpdir(), "gpu-"));
  const { driverRoot } = await prepareSimulatedGpus({ stateDir: folder, count, fakeBuildDir: FAKE_BUILD });
  return gpuMachine(folder, driverRoot, await inventoryOf(driverRoot));
}

/** The same on a driver root that somebody else has laid. `remove` removes `folder`. */
export function gpuMachine(folder: string, driverRoot: string, inventory: GpuInventory): GpuMachine {
  const filesOf = async (): Promise<DriverFiles | null> =>
    selectDriverFiles(await readDriverRoot(driverRoot), ["utility", "compute"], inventory.driverVersion);
  return {
    folder,
    driverRoot,
    inventory,
    layerFor: async (lowerDirs) =>
      prepareDriverLayer({
        stateDir: folder,
        lowerDirs,
        driverFiles: (await filesOf()) as DriverFiles,
        driverFolder: DRIVER_FOLDER,
        architecture: process.arch,
      }),
    uuids: inventory.gpus.map((gpu) => gpu.uuid),
    planFor: async (gpuUuids) => {
      const plan = planInjection({
        inventory,
        driverFiles: await filesOf(),
        gpuUuids,
        capabilities: ["utility", "compute"],
        rootfs: { env: { PATH: "/bin" } },
      });
      return { plan, rules: deviceRules(plan) };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** `nvidia-smi -L` on the host, as lines "GPU 0: NAME (UUID: GPU-...)". */
export function listGpus(driverRoot: string, places = { program: "usr/bin", libraries: "usr/lib/x86_64-linux-gnu" }): Promise<string> {
  const env = { LD_LIBRARY_PATH: join(driverRoot, places.libraries) };
  return must(join(driverRoot, places.program, "nvidia-smi"), ["-L"], { env });
}

export async function inventoryOf(driverRoot: string, places?: Parameters<typeof listGpus>[1]): Promise<GpuInventory> {
  const lines = (await listGpus(driverRoot, places)).trim().split("\n");
  const gpus = lines.map((line, index) => {
    const uuid = /UUID: (GPU-[0-9a-f-]+)/.exec(line)?.[1] ?? "";
    const pciBusId = `00000000:${(16 + index).toString(16)}:00.0`;
    return gpuOf("", index, { uuid, pciBusId, model: "NVIDIA H100", computeCapability: "9.0" });
  });
  return { driverVersion: "550.163.01", cudaVersion: "12.4", simulated: true, gpus, problem: null };
}
