import { execFile } from "node:child_process";
import { appendFile, copyFile, mkdir, mkdtemp, rename, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createGpuHost, type GpuHost, type GpuXid, prepareSimulatedGpus } from "../../../src/node/gpu/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { until } from "../../support/poll.ts";
import { buildFakeAndHook, FAKE_BUILD } from "./support/builds.ts";

const run = promisify(execFile);
const OLD_LIBRARY = join(FAKE_BUILD, "old/libnvidia-ml.so.1");
let stateDir: string;
let driverRoot: string;
let library: string;
let host: GpuHost;
let stopWatching: (() => Promise<void>) | null;

beforeAll(() => buildFakeAndHook("all"), 120_000);
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "berth-inventory-"));
  stopWatching = null;
});
afterEach(async () => {
  await stopWatching?.();
  await rm(stateDir, { recursive: true, force: true });
});

async function simulate(count: number, nvmlTimeoutMs = 5_000): Promise<void> {
  const simulated = await prepareSimulatedGpus({ stateDir, count, fakeBuildDir: FAKE_BUILD });
  driverRoot = simulated.driverRoot;
  library = simulated.nvmlLibrary;
  host = await createGpuHost({ native: loadNative(), clock: systemClock(), driverRoot, simulated: true, nvmlTimeoutMs, stateDir });
}

/** Appends to the fake driver's configuration; a later line wins. */
async function configure(...lines: string[]): Promise<void> {
  await appendFile(join(dirname(library), "fake-nvml.conf"), lines.map((line) => `${line}\n`).join(""));
}

async function watch(heard: GpuXid[] = []): Promise<void> {
  const abort = new AbortController();
  const done = host.watch(
    (xid) => heard.push(xid),
    () => {},
    abort.signal,
  );
  stopWatching = async () => {
    abort.abort();
    await done;
  };
  await until("the driver's events", 10, () => host.status().listening);
}

const plugIn = (minor: number) => run("/usr/bin/mknod", [join(driverRoot, `dev/nvidia${minor}`), "c", "195", String(minor)], { env: {} });

async function replaceLibrary(file: string): Promise<void> {
  // As a package manager does: the new file appears under the old name in one step.
  await copyFile(file, `${library}.new`);
  await rename(`${library}.new`, library);
}

describe("the inventory through NVML", () => {
  it("tells of each GPU all that the driver does", async () => {
    await simulate(3);
    await configure(
      "mig.0.0=1g.10gb gi=7 ci=0 memory-mib=9856 uuid=MIG-a",
      "mig.0.1=1c.3g.40gb gi=2 ci=1 memory-mib=40192 uuid=MIG-b",
      "nvlink.1=2,2,switch,down",
      "nvlink.2=1,1",
      "topology.1.2=NODE",
      "topology.0.1=PHB",
      "processes.1=4242:512,4343:20",
      "memory-used-mib.1=540",
      "utilization.1=57",
      "ecc.2=off",
    );
    const numa = join(driverRoot, "sys/bus/pci/devices/0000:11:00.0");
    await mkdir(numa, { recursive: true });
    await writeFile(join(numa, "numa_node"), "1\n");
    const { gpus, driverVersion, cudaVersion } = await host.inventory();
    expect({ driverVersion, cudaVersion }).toEqual({ driverVersion: "550.163.01", cudaVersion: "12.4" });
    expect(gpus[0]?.mig).toEqual({
      enabled: true,
      devices: [
        { uuid: "MIG-a", gpuInstance: 7, computeInstance: 0, profile: "1g.10gb", memoryBytes: 9856 * 2 ** 20 },
        { uuid: "MIG-b", gpuInstance: 2, computeInstance: 1, profile: "1c.3g.40gb", memoryBytes: 40192 * 2 ** 20 },
      ],
    });
    expect(gpus[1]).toMatchObject({
      minor: 1,
      pciBusId: "00000000:11:00.0",
      computeCapability: "9.0",
      numaNode: 1,
      mig: { enabled: false, devices: [] },
      nvlinks: [
        { kind: "gpu", pciBusId: "00000000:12:00.0", links: 2 },
        { kind: "switch", pciBusId: "00000000:C0:00.0", links: 1 },
      ],
    });
    const status = host.status();
    const [zero, one, two] = status.gpus.map(({ uuid }) => uuid);
    expect(status.pairs).toEqual([
      { between: [zero, one], pcie: "PHB", nvlinks: 0 },
      { between: [zero, two], pcie: "SYS", nvlinks: 0 },
      { between: [one, two], pcie: "NODE", nvlinks: 2 },
    ]);
    expect(status.gpus[1]).toMatchObject({
      ecc: { enabled: true, uncorrectable: 0 },
      remappedRows: { pending: false, failure: false },
      telemetry: {
        memoryUsedBytes: 540 * 2 ** 20,
        utilizationPercent: 57,
        temperatureCelsius: 31,
        powerMilliwatts: 68_000,
        powerLimitMilliwatts: 700_000,
        smClockMhz: 345,
        memoryClockMhz: 2619,
        processes: [
          { pid: 4242, usedBytes: 512 * 2 ** 20 },
          { pid: 4343, usedBytes: 20 * 2 ** 20 },
        ],
      },
    });
    expect(status.gpus[2]?.ecc).toEqual({ enabled: false, correctable: null, uncorrectable: null, uncorrectableEver: null });
  });

  it("makes do with an old driver that lacks the optional calls", async () => {
    await simulate(2);
    await replaceLibrary(OLD_LIBRARY);
    const { gpus, problem } = await host.inventory();
    expect(problem).toBeNull();
    expect(gpus).toMatchObject([
      { healthy: true, mig: null, nvlinks: [] },
      { healthy: true, mig: null, nvlinks: [] },
    ]);
    expect(host.status()).toMatchObject({
      gpus: [{ ecc: null, remappedRows: null, telemetry: { utilizationPercent: 0, smClockMhz: null, processes: null } }, {}],
      pairs: [{ pcie: null, nvlinks: 0 }],
    });
    const abort = new AbortController();
    const done = host.watch(
      () => {},
      () => {},
      abort.signal,
    );
    await host.inventory();
    abort.abort();
    await done;
    expect(host.status().listening).toBe(false);
  });

  it("finds a driver that is installed while the agent runs", async () => {
    await simulate(1);
    const aside = join(stateDir, "aside.so");
    await rename(library, aside);
    expect(await host.inventory()).toMatchObject({ gpus: [], problem: null });
    await rename(aside, library);
    expect((await host.inventory()).gpus).toHaveLength(1);
  });
});

describe("while the driver is watched", () => {
  it("hears XIDs as they happen, and hands out no GPU after one of the hardware", async () => {
    await simulate(2);
    await configure("xids.0=79");
    const heard: GpuXid[] = [];
    await watch(heard);
    const [first = "", second = ""] = (await host.inventory()).gpus.map(({ uuid }) => uuid);
    await configure("xids.0=79,31", "xids.1=48");
    await until("two XIDs", 10, () => heard.length === 2);
    expect(heard.map(({ uuid, xid, class: kind }) => [uuid, xid, kind]).sort((a, b) => Number(a[1]) - Number(b[1]))).toEqual([
      [first, 31, "application"],
      [second, 48, "hardware"],
    ]);
    await expect(host.planFor([second], { env: {} })).rejects.toMatchObject({ code: "gpu_unavailable" });
    expect((await host.planFor([first], { env: {} })).plan.deviceNodes.map(({ path }) => path)).toContain("/dev/nvidia0");
    expect(host.xidCounts()).toContainEqual({ uuid: second, xid: 48, count: 1 });
  });

  it("keeps its verdict when the agent is started again, until the driver was released for a repair", async () => {
    await simulate(2);
    await watch();
    await configure("xids.0=95");
    const firstIsSick = async () => (await host.inventory()).gpus.map(({ healthy }) => healthy).join() === "false,true";
    await until("the verdict", 10, firstIsSick);
    await stopWatching?.();
    stopWatching = null;
    const restart = async () => {
      host = await createGpuHost({ native: loadNative(), clock: systemClock(), driverRoot, simulated: true, stateDir });
    };
    await restart();
    expect((await host.inventory()).gpus[0]).toMatchObject({ healthy: false, problem: "XID 95: uncontained ECC error" });
    await host.release(60_000);
    await host.release(0);
    expect((await host.inventory()).gpus.every(({ healthy }) => healthy)).toBe(true);
    await restart();
    expect((await host.inventory()).gpus.every(({ healthy }) => healthy)).toBe(true);
  });

  it("sees a GPU fall off the bus, and does not give it", async () => {
    await simulate(2);
    await watch();
    const [, second = ""] = (await host.inventory()).gpus.map(({ uuid }) => uuid);
    await configure("error.1=lost");
    expect((await host.inventory()).gpus).toMatchObject([{ healthy: true }, { uuid: second, healthy: false, problem: "GPU is lost" }]);
    await expect(host.planFor([second], { env: {} })).rejects.toMatchObject({ code: "gpu_unavailable" });
  });

  it("follows hot-plug: a new GPU is offered, an unplugged one is kept as gone", async () => {
    await simulate(2);
    await watch();
    await configure("count=3");
    await plugIn(2);
    expect((await host.inventory()).gpus.map(({ healthy }) => healthy)).toEqual([true, true, true]);
    await unlink(join(driverRoot, "dev/nvidia0"));
    const { gpus } = await host.inventory();
    expect(gpus.map(({ minor, healthy, problem }) => [minor, healthy, problem])).toEqual([
      [1, true, null],
      [2, true, null],
      [0, false, "NVML no longer reports it"],
    ]);
  });

  it("follows MIG devices that are made and removed", async () => {
    await simulate(1);
    await watch();
    await configure("mig.0.0=1g.10gb gi=7 ci=0 memory-mib=9856 uuid=MIG-a");
    expect((await host.inventory()).gpus[0]?.mig).toMatchObject({ enabled: true, devices: [{ uuid: "MIG-a" }] });
    await configure("mig.0.0=2g.20gb gi=3 ci=0 memory-mib=19968 uuid=MIG-b");
    expect((await host.inventory()).gpus[0]?.mig).toMatchObject({ devices: [{ uuid: "MIG-b", profile: "2g.20gb" }] });
  });

  it("plans a MIG device as soon as its GPU is partitioned, and none that is gone, whatever it knew a moment ago", async () => {
    await simulate(1);
    const capabilities = join(driverRoot, "proc/driver/nvidia/capabilities/gpu0/mig");
    await mkdir(join(driverRoot, "dev/nvidia-caps"));
    // Nodes stay when their instances go, and serve the next ones: they tell nothing of a change.
    for (const cap of [21, 22, 23, 24])
      await run("/usr/bin/mknod", [join(driverRoot, `dev/nvidia-caps/nvidia-cap${cap}`), "c", "511", String(cap)], { env: {} });
    let cap = 20;
    const partition = async (instance: number, uuid: string) => {
      await rm(capabilities, { recursive: true, force: true });
      for (const entry of [`gi${instance}`, `gi${instance}/ci0`]) {
        cap += 1;
        await mkdir(join(capabilities, entry), { recursive: true });
        await writeFile(join(capabilities, entry, "access"), `DeviceFileMinor: ${cap}\n`);
      }
      await configure(`mig.0.0=1g.10gb gi=${instance} ci=0 memory-mib=9856 uuid=${uuid}`);
    };
    expect((await host.inventory()).gpus[0]?.mig?.devices ?? []).toEqual([]);
    await partition(7, "MIG-a");
    expect((await host.planFor(["MIG-a"], { env: {} })).plan.deviceNodes.map(({ path }) => path)).toContain(
      "/dev/nvidia-caps/nvidia-cap22",
    );
    await partition(9, "MIG-b");
    await expect(host.planFor(["MIG-a"], { env: {} })).rejects.toMatchObject({ code: "gpu_unavailable" });
    expect((await host.planFor(["MIG-b"], { env: {} })).plan.deviceNodes.map(({ path }) => path)).toContain(
      "/dev/nvidia-caps/nvidia-cap24",
    );
  });

  it("opens the new library when the driver is upgraded", async () => {
    await simulate(1);
    await watch();
    expect((await host.inventory()).gpus[0]?.mig).not.toBeNull();
    await replaceLibrary(OLD_LIBRARY);
    expect((await host.inventory()).gpus[0]).toMatchObject({ healthy: true, mig: null });
  });

  it("knows a GPU whose UUID changed from the one before", async () => {
    await simulate(2);
    const [first, second] = (await host.inventory()).gpus.map(({ uuid }) => uuid);
    await configure("uuid.1=GPU-99999999-9999-9999-9999-999999999999");
    expect((await host.inventory()).gpus).toMatchObject([
      { uuid: first, healthy: true },
      { uuid: "GPU-99999999-9999-9999-9999-999999999999", healthy: false },
      { uuid: second, healthy: false },
    ]);
  });

  it("answers and ends in time though the wait for events hangs", async () => {
    await simulate(1, 500);
    await configure("wait-hang-seconds=8");
    await watch();
    expect(await host.inventory()).toMatchObject({ problem: null, gpus: [{ healthy: true }] });
    await configure("count=2");
    await plugIn(1);
    expect(await host.inventory()).toMatchObject({ problem: null, gpus: [{ healthy: true }] });
    await stopWatching?.();
    stopWatching = null;
  });

  it("answers in time while NVML hangs, and recovers with it", async () => {
    await simulate(1, 300);
    await watch();
    await configure("hang-seconds=2");
    expect(await host.inventory()).toMatchObject({ problem: "NVML did not answer within 0.3 s", gpus: [{ healthy: false }] });
    await configure("hang-seconds=0");
    await until("NVML's recovery", 10, async () => (await host.inventory()).gpus[0]?.healthy);
  });
});
