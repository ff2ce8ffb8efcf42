import { describe, expect, it } from "vitest";
import { createInventory, type Inventory } from "../../../src/node/gpu/index.ts";
import type { NvmlGpu, NvmlReport } from "../../../src/node/platform/index.ts";
import type { Clock } from "../../../src/shared/domain/index.ts";

function gpu(index: number, changes: Partial<NvmlGpu> = {}): NvmlGpu {
  const idle = { utilizationPercent: 0, temperatureCelsius: 30, powerMilliwatts: 60_000, memoryUsedBytes: 0 };
  return {
    index,
    uuid: `GPU-${index}`,
    minor: index,
    pciBusId: "",
    name: "H100",
    memoryTotalBytes: 80,
    computeCapability: "9.0",
    error: null,
    ...idle,
    ...changes,
  };
}

function report(...gpus: NvmlGpu[]): NvmlReport {
  return { driverVersion: "550.1", cudaVersion: "12.4", gpus };
}

/** A sleeper wakes as soon as nothing else is left to run: an answer that is there wins, one that hangs loses. */
const instantClock: Clock = { now: () => 0, monotonic: () => 0, sleep: () => new Promise((resolve) => void setImmediate(resolve)) };

function inventoryOf(answers: (() => Promise<NvmlReport | null>)[]): Inventory & { calls(): number } {
  let calls = 0;
  const query = (): Promise<NvmlReport | null> => (answers[Math.min(calls++, answers.length - 1)] as () => Promise<NvmlReport | null>)();
  const inventory = createInventory({
    nvml: { query },
    nvmlLibrary: "/lib/libnvidia-ml.so.1",
    simulated: false,
    timeoutMs: 5000,
    clock: instantClock,
  });
  return { ...inventory, calls: () => calls };
}

describe("the GPU inventory", () => {
  it("is empty and without a problem on a machine without NVML", async () => {
    const query = (): Promise<null> => Promise.reject(new Error("must not be asked"));
    const inventory = createInventory({ nvml: { query }, nvmlLibrary: null, simulated: false, timeoutMs: 1, clock: instantClock });
    expect(await inventory.read()).toMatchObject({ gpus: [], problem: null });
  });

  it("tells versions and GPUs as NVML does", async () => {
    const seen = await inventoryOf([async () => report(gpu(0), gpu(1))]).read();
    expect(seen).toMatchObject({ driverVersion: "550.1", cudaVersion: "12.4", problem: null });
    expect(seen.gpus.map((entry) => [entry.uuid, entry.healthy])).toEqual([
      ["GPU-0", true],
      ["GPU-1", true],
    ]);
  });

  it("knows a lost GPU, which tells no UUID, by its index", async () => {
    const inventory = inventoryOf([
      async () => report(gpu(0), gpu(1)),
      async () => report(gpu(0), gpu(1, { uuid: "", name: "", error: "GPU is lost" })),
    ]);
    await inventory.read();
    expect((await inventory.read()).gpus[1]).toMatchObject({ uuid: "GPU-1", model: "H100", healthy: false, problem: "GPU is lost" });
  });

  it("keeps a GPU that vanished, as not healthy, and takes it back when it returns", async () => {
    const inventory = inventoryOf([async () => report(gpu(0), gpu(1)), async () => report(gpu(0)), async () => report(gpu(0), gpu(1))]);
    await inventory.read();
    expect((await inventory.read()).gpus[1]).toMatchObject({ uuid: "GPU-1", healthy: false, problem: "NVML no longer reports it" });
    expect((await inventory.read()).gpus[1]).toMatchObject({ uuid: "GPU-1", healthy: true });
  });

  it("reports the known GPUs as not healthy when NVML hangs, and asks no second time meanwhile", async () => {
    const inventory = inventoryOf([async () => report(gpu(0)), () => new Promise(() => {})]);
    await inventory.read();
    const sick = {
      problem: "NVML did not answer within 5 s",
      gpus: [{ uuid: "GPU-0", healthy: false, problem: "NVML did not answer within 5 s" }],
    };
    expect(await inventory.read()).toMatchObject(sick);
    expect(await inventory.read()).toMatchObject(sick);
    expect(inventory.calls()).toBe(2);
  });

  it("turns an error of NVML into the GPUs' problem instead of throwing", async () => {
    const inventory = inventoryOf([async () => report(gpu(0)), () => Promise.reject(new Error("driver/library version mismatch"))]);
    await inventory.read();
    const seen = await inventory.read();
    expect(seen.problem).toBe("NVML failed: driver/library version mismatch");
    expect(seen.gpus[0]).toMatchObject({ uuid: "GPU-0", healthy: false });
  });

  it("does not forget its GPUs when the driver is unloaded", async () => {
    const inventory = inventoryOf([async () => report(gpu(0)), async () => null]);
    await inventory.read();
    expect((await inventory.read()).gpus).toMatchObject([
      { uuid: "GPU-0", healthy: false, problem: "the NVIDIA driver is no longer loaded" },
    ]);
  });
});
