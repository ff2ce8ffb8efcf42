import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { OLD_LIBRARY, watchedDriver } from "./support/watched-driver.ts";

const driver = watchedDriver();

describe("the inventory through NVML", () => {
  it("tells of each GPU all that the driver does", async () => {
    await driver.simulate(3);
    await driver.configure(
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
    const numa = join(driver.driverRoot, "sys/bus/pci/devices/0000:11:00.0");
    await mkdir(numa, { recursive: true });
    await writeFile(join(numa, "numa_node"), "1\n");
    const { gpus, driverVersion, cudaVersion } = await driver.host.inventory();
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
    const status = driver.host.status();
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
    await driver.simulate(2);
    await driver.replaceLibrary(OLD_LIBRARY);
    const { gpus, problem } = await driver.host.inventory();
    expect(problem).toBeNull();
    expect(gpus).toMatchObject([
      { healthy: true, mig: null, nvlinks: [] },
      { healthy: true, mig: null, nvlinks: [] },
    ]);
    expect(driver.host.status()).toMatchObject({
      gpus: [{ ecc: null, remappedRows: null, telemetry: { utilizationPercent: 0, smClockMhz: null, processes: null } }, {}],
      pairs: [{ pcie: null, nvlinks: 0 }],
    });
    const abort = new AbortController();
    const done = driver.host.watch(
      () => {},
      () => {},
      abort.signal,
    );
    await driver.host.inventory();
    abort.abort();
    await done;
    expect(driver.host.status().listening).toBe(false);
  });

  it("finds a driver that is installed while the agent runs", async () => {
    await driver.simulate(1);
    const aside = join(driver.stateDir, "aside.so");
    await rename(driver.library, aside);
    expect(await driver.host.inventory()).toMatchObject({ gpus: [], problem: null });
    await rename(aside, driver.library);
    expect((await driver.host.inventory()).gpus).toHaveLength(1);
  });
});
