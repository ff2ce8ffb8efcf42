import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGpuHost, type GpuInventory, prepareSimulatedGpus } from "../../src/node/gpu/index.ts";
import { builtFiles, loadNative, packageRoot } from "../../src/node/platform/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";
import { addHostImage, HOST_IMAGE } from "../support/host-image.ts";
import { openTestEngine, type TestEngine } from "../support/test-engine.ts";

/**
 * For a machine with an NVIDIA GPU, runc, conmon, gcc and no network: `npm run test:gpu`. Where there is no GPU, what does
 * not need one runs on simulated ones, so that the suite itself cannot rot.
 */
const run = promisify(execFile);
const real = existsSync("/dev/nvidia0");
const onRealGpu = test.skipIf(!real);
const PROGRAMS = ["/bin/sh", "/bin/ls", "/bin/cat", "/bin/mknod"];

let engine: TestEngine;
let folder: string;
let inventory: GpuInventory;
let first: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-test-gpu-"));
  const probe = join(folder, "cuda-probe");
  await run("gcc", ["-O2", "-o", probe, fileURLToPath(new URL("cuda-probe.c", import.meta.url)), "-ldl"]);
  const simulated = { stateDir: folder, count: 2, fakeBuildDir: builtFiles(packageRoot()).fakeNvidia };
  const driverRoot = real ? "/" : (await prepareSimulatedGpus(simulated)).driverRoot;
  const gpuHost = await createGpuHost({ native: loadNative(), clock: systemClock(), driverRoot, simulated: !real, stateDir: folder });
  inventory = await gpuHost.inventory();
  first = inventory.gpus[0]?.uuid ?? "";
  engine = await openTestEngine({ gpuHost });
  await addHostImage(engine.images, [...PROGRAMS, probe]);
}, 120_000);

afterAll(async () => {
  await engine?.close();
  await rm(folder, { recursive: true, force: true });
});

const inContainer = (script: string, gpuUuids: string[]) => engine.runToEnd(script, { image: HOST_IMAGE, gpuUuids });

describe("inventory", () => {
  test("finds at least one healthy GPU and the driver's version", () => {
    expect(first).toMatch(/^GPU-/);
    expect(inventory.gpus.every(({ healthy }) => healthy)).toBe(true);
    expect(inventory.driverVersion).toMatch(/^\d+\.\d+/);
  });

  onRealGpu("says what nvidia-smi -q -x says", async () => {
    const { stdout } = await run("nvidia-smi", ["-q", "-x"], { maxBuffer: 2 ** 26 });
    const text = (xml: string, tag: string) => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1]?.trim();
    const gpus = [...stdout.matchAll(/<gpu id=[\s\S]*?<\/gpu>/g)].map(([xml]) => xml);
    expect(inventory.driverVersion).toBe(text(stdout, "driver_version"));
    expect(inventory.gpus.map(({ uuid, minor, model }) => ({ uuid, minor, model }))).toEqual(
      gpus.map((xml) => ({ uuid: text(xml, "uuid"), minor: Number(text(xml, "minor_number")), model: text(xml, "product_name") })),
    );
    for (const [index, xml] of gpus.entries()) {
      const mebibytes = Number(/<fb_memory_usage>\s*<total>(\d+) MiB/.exec(xml)?.[1]);
      expect(Math.round((inventory.gpus[index]?.memoryBytes ?? 0) / 2 ** 20)).toBeCloseTo(mebibytes, -2);
    }
  });
});

describe("a container with one GPU", () => {
  test("sees the assigned device node and no other GPU's", async () => {
    const { log } = await inContainer("ls /dev", [first]);
    const nodes = log.split(/\s+/).filter((name) => /^nvidia\d+$/.test(name));
    expect(nodes).toEqual([`nvidia${inventory.gpus[0]?.minor}`]);
  });

  test("runs nvidia-smi -L, which lists exactly the assigned GPU", async () => {
    const { log, exit } = await inContainer("nvidia-smi -L", [first]);
    expect(exit.exitCode, log).toBe(0);
    expect(log.match(/GPU-[0-9a-f-]{36}/g)).toEqual([first]);
  });

  onRealGpu("counts one device in CUDA and runs a kernel on it", async () => {
    const { log, exit } = await inContainer("cuda-probe count && cuda-probe add", [first]);
    expect(exit.exitCode, log).toBe(0);
    expect(log).toBe("1\n1048576 sums are right\n");
  });

  onRealGpu(
    "cannot read what an earlier container left in GPU memory",
    async () => {
      const filled = await inContainer("cuda-probe fill 173", [first]);
      expect(filled.exit.exitCode, filled.log).toBe(0);
      const sought = await inContainer("cuda-probe seek 173", [first]);
      expect(sought.exit.exitCode, sought.log).toBe(0);
      expect(sought.log).toMatch(/^found 0 of \d+ bytes\n$/);
    },
    300_000,
  );
});

describe("isolation", () => {
  test("a container without a GPU cannot make a node for one", async () => {
    const { log } = await inContainer("mknod /tmp/gpu c 195 0; cat /tmp/gpu; ls /dev", []);
    expect(log).toMatch(/not permitted/i);
    expect(log).not.toContain("nvidia");
  });

  onRealGpu("CUDA in a container without a GPU finds no driver", async () => {
    const { exit } = await inContainer("cuda-probe count", []);
    expect(exit.exitCode).toBe(1);
  });
});
