import { mkdir, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createGpuHost, type GpuXid } from "../../../src/node/gpu/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { until } from "../../support/poll.ts";
import { OLD_LIBRARY, watchedDriver } from "./support/watched-driver.ts";

const driver = watchedDriver();

describe("while the driver is watched", () => {
  it("hears XIDs as they happen, and hands out no GPU after one of the hardware", async () => {
    await driver.simulate(2);
    await driver.configure("xids.0=79");
    const heard: GpuXid[] = [];
    await driver.watch(heard);
    const [first = "", second = ""] = (await driver.host.inventory()).gpus.map(({ uuid }) => uuid);
    await driver.configure("xids.0=79,31", "xids.1=48");
    await until("two XIDs", 60, () => heard.length === 2);
    expect(heard.map(({ uuid, xid, class: kind }) => [uuid, xid, kind]).sort((a, b) => Number(a[1]) - Number(b[1]))).toEqual([
      [first, 31, "application"],
      [second, 48, "hardware"],
    ]);
    await expect(driver.host.planFor([second], { env: {} })).rejects.toMatchObject({ code: "gpu_unavailable" });
    expect((await driver.host.planFor([first], { env: {} })).plan.deviceNodes.map(({ path }) => path)).toContain("/dev/nvidia0");
    expect(driver.host.xidCounts()).toContainEqual({ uuid: second, xid: 48, count: 1 });
  });

  it("keeps its verdict when the agent is started again, until the driver was released for a repair", async () => {
    await driver.simulate(2);
    await driver.watch();
    await driver.configure("xids.0=95");
    const firstIsSick = async () => (await driver.host.inventory()).gpus.map(({ healthy }) => healthy).join() === "false,true";
    await until("the verdict", 60, firstIsSick);
    await driver.stopWatching();
    const restart = async () => {
      driver.host = await createGpuHost({
        native: loadNative(),
        clock: systemClock(),
        driverRoot: driver.driverRoot,
        simulated: true,
        stateDir: driver.stateDir,
      });
    };
    await restart();
    expect((await driver.host.inventory()).gpus[0]).toMatchObject({ healthy: false, problem: "XID 95: uncontained ECC error" });
    await driver.host.release(60_000);
    await driver.host.release(0);
    expect((await driver.host.inventory()).gpus.every(({ healthy }) => healthy)).toBe(true);
    await restart();
    expect((await driver.host.inventory()).gpus.every(({ healthy }) => healthy)).toBe(true);
  });

  it("sees a GPU fall off the bus, and does not give it", async () => {
    await driver.simulate(2);
    await driver.watch();
    const [, second = ""] = (await driver.host.inventory()).gpus.map(({ uuid }) => uuid);
    await driver.configure("error.1=lost");
    expect((await driver.host.inventory()).gpus).toMatchObject([
      { healthy: true },
      { uuid: second, healthy: false, problem: "GPU is lost" },
    ]);
    await expect(driver.host.planFor([second], { env: {} })).rejects.toMatchObject({ code: "gpu_unavailable" });
  });

  it("follows hot-plug: a new GPU is offered, an unplugged one is kept as gone", async () => {
    await driver.simulate(2);
    await driver.watch();
    await driver.configure("count=3");
    await driver.makeNode("nvidia2", 195, 2);
    expect((await driver.host.inventory()).gpus.map(({ healthy }) => healthy)).toEqual([true, true, true]);
    await unlink(join(driver.driverRoot, "dev/nvidia0"));
    const { gpus } = await driver.host.inventory();
    expect(gpus.map(({ minor, healthy, problem }) => [minor, healthy, problem])).toEqual([
      [1, true, null],
      [2, true, null],
      [0, false, "NVML no longer reports it"],
    ]);
  });

  it("follows MIG devices that are made and removed", async () => {
    await driver.simulate(1);
    await driver.watch();
    await driver.configure("mig.0.0=1g.10gb gi=7 ci=0 memory-mib=9856 uuid=MIG-a");
    expect((await driver.host.inventory()).gpus[0]?.mig).toMatchObject({ enabled: true, devices: [{ uuid: "MIG-a" }] });
    await driver.configure("mig.0.0=2g.20gb gi=3 ci=0 memory-mib=19968 uuid=MIG-b");
    expect((await driver.host.inventory()).gpus[0]?.mig).toMatchObject({ devices: [{ uuid: "MIG-b", profile: "2g.20gb" }] });
  });

  it("plans a MIG device as soon as its GPU is partitioned, and none that is gone, whatever it knew a moment ago", async () => {
    await driver.simulate(1);
    const capabilities = join(driver.driverRoot, "proc/driver/nvidia/capabilities/gpu0/mig");
    await mkdir(join(driver.driverRoot, "dev/nvidia-caps"));
    // Nodes stay when their instances go, and serve the next ones: they tell nothing of a change.
    for (const cap of [21, 22, 23, 24]) await driver.makeNode(`nvidia-caps/nvidia-cap${cap}`, 511, cap);
    let cap = 20;
    const partition = async (instance: number, uuid: string) => {
      await rm(capabilities, { recursive: true, force: true });
      for (const entry of [`gi${instance}`, `gi${instance}/ci0`]) {
        cap += 1;
        await mkdir(join(capabilities, entry), { recursive: true });
        await writeFile(join(capabilities, entry, "access"), `DeviceFileMinor: ${cap}\n`);
      }
      await driver.configure(`mig.0.0=1g.10gb gi=${instance} ci=0 memory-mib=9856 uuid=${uuid}`);
    };
    expect((await driver.host.inventory()).gpus[0]?.mig?.devices ?? []).toEqual([]);
    await partition(7, "MIG-a");
    expect((await driver.host.planFor(["MIG-a"], { env: {} })).plan.deviceNodes.map(({ path }) => path)).toContain(
      "/dev/nvidia-caps/nvidia-cap22",
    );
    await partition(9, "MIG-b");
    await expect(driver.host.planFor(["MIG-a"], { env: {} })).rejects.toMatchObject({ code: "gpu_unavailable" });
    expect((await driver.host.planFor(["MIG-b"], { env: {} })).plan.deviceNodes.map(({ path }) => path)).toContain(
      "/dev/nvidia-caps/nvidia-cap24",
    );
  });

  it("opens the new library when the driver is upgraded", async () => {
    await driver.simulate(1);
    await driver.watch();
    expect((await driver.host.inventory()).gpus[0]?.mig).not.toBeNull();
    await driver.replaceLibrary(OLD_LIBRARY);
    expect((await driver.host.inventory()).gpus[0]).toMatchObject({ healthy: true, mig: null });
  });

  it("knows a GPU whose UUID changed from the one before", async () => {
    await driver.simulate(2);
    const [first, second] = (await driver.host.inventory()).gpus.map(({ uuid }) => uuid);
    await driver.configure("uuid.1=GPU-99999999-9999-9999-9999-999999999999");
    expect((await driver.host.inventory()).gpus).toMatchObject([
      { uuid: first, healthy: true },
      { uuid: "GPU-99999999-9999-9999-9999-999999999999", healthy: false },
      { uuid: second, healthy: false },
    ]);
  });

  it("answers and ends in time though the wait for events hangs", async () => {
    await driver.simulate(1, 2_000);
    await driver.configure("wait-hang-seconds=8");
    await driver.watch();
    expect(await driver.host.inventory()).toMatchObject({ problem: null, gpus: [{ healthy: true }] });
    await driver.configure("count=2");
    await driver.makeNode("nvidia1", 195, 1);
    expect(await driver.host.inventory()).toMatchObject({ problem: null, gpus: [{ healthy: true }] });
    await driver.stopWatching();
  });

  it("answers in time while NVML hangs, and recovers with it", async () => {
    await driver.simulate(1, 800);
    await driver.watch();
    await driver.configure("hang-seconds=2");
    expect(await driver.host.inventory()).toMatchObject({ problem: "NVML did not answer within 0.8 s", gpus: [{ healthy: false }] });
    await driver.configure("hang-seconds=0");
    await until("NVML's recovery", 60, async () => (await driver.host.inventory()).gpus[0]?.healthy);
  });
});
