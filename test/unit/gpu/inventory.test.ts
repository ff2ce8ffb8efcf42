import { describe, expect, it } from "vitest";
import type { Inventory, InventoryOptions } from "../../../src/node/gpu/index.ts";
import type { NvmlReport } from "../../../src/node/platform/index.ts";
import { nvmlGpu as gpu, instantClock, nvmlReport as report, type ScriptedNvml, scriptedNvml } from "../../support/nvml-answers.ts";
import { until } from "../../support/poll.ts";
import { inventoryOver } from "./inventory-over.ts";

type Answers = (() => Promise<NvmlReport | null>)[];

function inventoryOf(answers: Answers, changes: Partial<InventoryOptions> = {}): Inventory & { nvml: ScriptedNvml; calls(): number } {
  const nvml = scriptedNvml(answers);
  const inventory = inventoryOver(nvml, changes);
  return { ...inventory, nvml, calls: nvml.queries };
}

describe("the GPU inventory", () => {
  it("is empty and without a problem on a machine without NVML", async () => {
    const inventory = inventoryOf([() => Promise.reject(new Error("must not be asked"))], { findLibrary: async () => null });
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

  it("forgets no GPU when the library itself is gone", async () => {
    let library: string | null = "/lib/libnvidia-ml.so.1";
    const inventory = inventoryOf([async () => report(gpu(0))], { findLibrary: async () => library });
    await inventory.read();
    library = null;
    expect((await inventory.read()).gpus).toMatchObject([{ uuid: "GPU-0", healthy: false }]);
  });

  it("hands out neither a GPU whose slot now names another UUID, nor the new one", async () => {
    const inventory = inventoryOf([async () => report(gpu(0), gpu(1)), async () => report(gpu(0), gpu(1, { uuid: "GPU-new" }))]);
    await inventory.read();
    const swapped = [
      { uuid: "GPU-0", healthy: true },
      { uuid: "GPU-new", healthy: false, problem: "its slot held GPU-1 before: `berth gpu release --end` accepts it" },
      { uuid: "GPU-1", healthy: false, problem: "its slot now holds GPU-new" },
    ];
    expect((await inventory.read()).gpus).toMatchObject(swapped);
    expect((await inventory.read()).gpus).toMatchObject(swapped);
  });

  it("takes a GPU back whose slot named another UUID for a while, and forgets that one", async () => {
    const inventory = inventoryOf([
      async () => report(gpu(0), gpu(1)),
      async () => report(gpu(0), gpu(1, { uuid: "GPU-new" })),
      async () => report(gpu(0), gpu(1, { uuid: "GPU-newer" })),
      async () => report(gpu(0), gpu(1)),
    ]);
    for (let look = 0; look < 2; look += 1) await inventory.read();
    expect((await inventory.read()).gpus.map(({ uuid, healthy }) => [uuid, healthy])).toEqual([
      ["GPU-0", true],
      ["GPU-newer", false],
      ["GPU-1", false],
    ]);
    expect((await inventory.read()).gpus.map(({ uuid, healthy }) => [uuid, healthy])).toEqual([
      ["GPU-0", true],
      ["GPU-1", true],
    ]);
  });

  it("knows the others by UUID when a GPU that left the bus shifts their indices", async () => {
    const shifted = [gpu(0), gpu(2, { index: 1 })];
    const inventory = inventoryOf([async () => report(gpu(0), gpu(1), gpu(2)), async () => report(...shifted)]);
    await inventory.read();
    const { gpus } = await inventory.read();
    expect(gpus.map(({ uuid, healthy }) => [uuid, healthy])).toEqual([
      ["GPU-0", true],
      ["GPU-2", true],
      ["GPU-1", false],
    ]);
  });

  it("takes one of two GPUs that claim the same UUID", async () => {
    const { gpus } = await inventoryOf([async () => report(gpu(0), gpu(1, { uuid: "GPU-0" }))]).read();
    expect(gpus.map(({ uuid }) => uuid)).toEqual(["GPU-0"]);
  });

  it("drops the stand-in of a GPU that was lost before it ever told its name, when it tells it", async () => {
    const lost = gpu(0, { uuid: "", pciBusId: "", error: "GPU is lost" });
    const inventory = inventoryOf([async () => report(lost), async () => report(gpu(0))]);
    expect((await inventory.read()).gpus).toMatchObject([{ uuid: "unknown-0", healthy: false }]);
    expect((await inventory.read()).gpus).toMatchObject([{ uuid: "GPU-0", healthy: true }]);
  });

  it.each([
    ["rows wait to be remapped", { remappedRows: { correctable: 0, uncorrectable: 1, pending: true, failure: false } }, /needs a reset/],
    ["rows could not be remapped", { remappedRows: { correctable: 0, uncorrectable: 1, pending: false, failure: true } }, /no spare/],
    ["memory erred beyond repair", { ecc: { enabled: true, correctable: 9, uncorrectable: 2, uncorrectableEver: 2 } }, /^2 uncorrectable/],
  ])("keeps a GPU back when %s", async (_what, changes, problem) => {
    const [seen] = (await inventoryOf([async () => report(gpu(0, changes))]).read()).gpus;
    expect(seen).toMatchObject({ healthy: false, problem: expect.stringMatching(problem) });
  });

  it("does not mind old drivers that know neither ECC nor row remapping, nor errors that were corrected", async () => {
    const ecc = { enabled: true, correctable: 7, uncorrectable: 0, uncorrectableEver: 3 };
    const { gpus } = await inventoryOf([async () => report(gpu(0, { ecc: null, remappedRows: null }), gpu(1, { ecc }))]).read();
    expect(gpus.map(({ healthy }) => healthy)).toEqual([true, true]);
  });

  it("tells NUMA node, NVLink peers and MIG devices", async () => {
    const link = (number: number, pciBusId: string) => ({ link: number, kind: "gpu" as const, pciBusId });
    const device = { uuid: "MIG-1", gpuInstance: 7, computeInstance: 0, profile: "1g.10gb", memoryTotalBytes: 10, memoryUsedBytes: 1 };
    const rich = gpu(0, { nvlinks: [link(0, "B"), link(1, "B"), link(2, "C")], mig: { enabled: true, pending: true, devices: [device] } });
    const inventory = inventoryOf([async () => report(rich)], { numaNodes: async () => new Map([[rich.pciBusId, 1]]) });
    expect((await inventory.read()).gpus[0]).toMatchObject({
      numaNode: 1,
      nvlinks: [
        { kind: "gpu", pciBusId: "B", links: 2 },
        { kind: "gpu", pciBusId: "C", links: 1 },
      ],
      mig: { enabled: true, devices: [{ uuid: "MIG-1", gpuInstance: 7, computeInstance: 0, profile: "1g.10gb", memoryBytes: 10 }] },
    });
  });

  it("answers from the last look while it is young and nothing changed, and looks again when something did", async () => {
    let fingerprint = "a";
    const inventory = inventoryOf([async () => report(gpu(0))], { fingerprint: async () => fingerprint });
    await inventory.recent(10_000);
    await inventory.recent(10_000);
    expect(inventory.calls()).toBe(1);
    fingerprint = "b";
    await inventory.recent(10_000);
    expect(inventory.calls()).toBe(2);
    await inventory.recent(-1);
    expect(inventory.calls()).toBe(3);
  });
});

describe("watching the GPUs", () => {
  async function watching(inventory: Inventory & { nvml: ScriptedNvml }, heard: number[] = []) {
    const abort = new AbortController();
    const done = inventory.watch(
      ({ xid }) => heard.push(xid),
      () => {},
      abort.signal,
    );
    await until("the listener", 60, () => inventory.nvml.listeners.length === 1 && inventory.status().listening);
    return async () => {
      abort.abort();
      await done;
    };
  }
  const tell = (inventory: { nvml: ScriptedNvml }, xid: number, uuid: string | null = "GPU-0") =>
    inventory.nvml.listeners[0]?.({ kind: "xid", uuid, xid, gpuInstance: null, computeInstance: null });

  it.each([13, 31, 43, 45, 999])("keeps a GPU after XID %d, and remembers it", async (xid) => {
    const inventory = inventoryOf([async () => report(gpu(0))]);
    const stop = await watching(inventory);
    tell(inventory, xid);
    expect((await inventory.read()).gpus[0]).toMatchObject({ healthy: true });
    expect(inventory.status().gpus[0]?.xids).toMatchObject([{ xid }]);
    await stop();
  });

  it.each([48, 63, 64, 74, 79, 92, 94, 95])("hands out no GPU after XID %d, whatever application errors follow", async (xid) => {
    const heard: number[] = [];
    const inventory = inventoryOf([async () => report(gpu(0), gpu(1))]);
    const stop = await watching(inventory, heard);
    tell(inventory, xid);
    for (let i = 0; i < 40; i++) tell(inventory, 31);
    const healthy = (await inventory.recent(10_000)).gpus.map((seen) => seen.healthy);
    expect(healthy).toEqual([false, true]);
    expect(inventory.status().gpus[0]).toMatchObject({ problem: expect.stringMatching(`^XID ${xid}: `) });
    expect(inventory.status().gpus[0]?.xids).toHaveLength(16);
    expect(inventory.xidCounts()).toEqual([
      { uuid: "GPU-0", xid, count: 1 },
      { uuid: "GPU-0", xid: 31, count: 40 },
    ]);
    expect(heard).toHaveLength(41);
    await stop();
  });

  it("takes an XID that names no GPU to be any of them", async () => {
    const inventory = inventoryOf([async () => report(gpu(0), gpu(1))]);
    const stop = await watching(inventory);
    tell(inventory, 79, null);
    expect((await inventory.read()).gpus.map(({ healthy }) => healthy)).toEqual([false, false]);
    await stop();
  });

  it("lets go of NVML and opens it afresh when the driver or the GPUs changed", async () => {
    let fingerprint = "a";
    const inventory = inventoryOf([async () => report(gpu(0))], { fingerprint: async () => fingerprint });
    const stop = await watching(inventory);
    const stops = inventory.nvml.stops();
    await inventory.read();
    expect(inventory.nvml.stops()).toBe(stops);
    fingerprint = "b";
    await inventory.read();
    expect(inventory.nvml.stops()).toBe(stops + 1);
    expect(inventory.nvml.listeners).toHaveLength(1);
    await stop();
    expect(inventory.nvml.listeners).toHaveLength(0);
  });

  it("takes readings between the looks", async () => {
    const inventory = inventoryOf([async () => report(gpu(0))]);
    const stop = await watching(inventory);
    await until("readings", 60, () => inventory.nvml.samplesAsked() > 2);
    expect(inventory.samples()[0]?.memoryUsedBytes).toBeGreaterThan(0);
    await stop();
  });

  it("lets go of NVML for maintenance, offers nothing meanwhile, and then forgives", async () => {
    let now = 0;
    const clock = { ...instantClock, monotonic: () => now };
    const inventory = inventoryOf([async () => report(gpu(0), gpu(1)), async () => report(gpu(0))], { clock });
    const stop = await watching(inventory);
    tell(inventory, 79);
    expect((await inventory.read()).gpus.map(({ healthy }) => healthy)).toEqual([false, false]);
    const calls = inventory.calls();
    expect(await inventory.release(60_000)).toBe(true);
    expect(inventory.nvml.listeners).toHaveLength(0);
    expect((await inventory.recent(10_000)).gpus.map(({ healthy }) => healthy)).toEqual([false, false]);
    expect(inventory.calls()).toBe(calls);
    now = 60_000;
    expect((await inventory.read()).gpus).toMatchObject([{ uuid: "GPU-0", healthy: true }]);
    expect(inventory.nvml.listeners).toHaveLength(1);
    expect(inventory.xidCounts()).toHaveLength(1);
    await inventory.release(60_000);
    await inventory.release(0);
    expect((await inventory.read()).gpus[0]).toMatchObject({ healthy: true });
    await stop();
  });
});
