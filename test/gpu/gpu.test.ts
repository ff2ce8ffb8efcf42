import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGpuHost, type GpuHost, type GpuInventory, prepareSimulatedGpus } from "../../src/node/gpu/index.ts";
import { builtFiles, loadNative, packageRoot } from "../../src/node/platform/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";
import { addHostImage, HOST_IMAGE } from "../support/host-image.ts";
import { openTestEngine, type TestEngine } from "../support/test-engine.ts";
import { findProgram, findRealDriver, hasGpu, missingForContainers } from "./support/real-driver.ts";

/**
 * For a machine with an NVIDIA GPU and no network: `npm run test:gpu`. Where there is no GPU, what does not need one runs on simulated
 * ones, so that the suite itself cannot rot. Where no container can be run, or there is no compiler, the rest runs and the reason is told.
 */
const run = promisify(execFile);
const real = (await hasGpu()) ? await findRealDriver() : null;
const missing = await missingForContainers();
const compiler = findProgram("gcc") ?? findProgram("cc") ?? findProgram("clang");
if (missing.length > 0) console.warn(`no container is run, for want of ${missing.join(", ")}`);
if (real !== null && compiler === null) console.warn("CUDA is not tried, for want of gcc, cc or clang");
if (real !== null && real.nvidiaSmi === null) console.warn("there is no nvidia-smi to compare with");

const withCuda = test.skipIf(real === null || compiler === null);
const PROGRAMS = ["/bin/sh", "/bin/ls", "/bin/cat", "/bin/mknod"];
const source = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

let folder: string;
let gpuHost: GpuHost;
let inventory: GpuInventory;
let first: string;
/** Absolute paths of what was compiled. */
const compiled: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-test-gpu-"));
  if (compiler !== null) await compile(compiler, ["-O2", "-o", join(folder, "cuda-probe"), source("cuda-probe.c"), "-ldl"]);
  if (real?.nvcc) await compile(real.nvcc, ["-o", join(folder, "cuda-program"), source("cuda-program.cu")]).catch(console.warn);
  const simulated = { stateDir: folder, count: 2, fakeBuildDir: builtFiles(packageRoot()).fakeNvidia };
  const driverRoot = real?.driverRoot ?? (await prepareSimulatedGpus(simulated)).driverRoot;
  gpuHost = await createGpuHost({ native: loadNative(), clock: systemClock(), driverRoot, simulated: real === null, stateDir: folder });
  inventory = await gpuHost.inventory();
  first = inventory.gpus.find(({ healthy }) => healthy)?.uuid ?? "";
}, 300_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

async function compile(program: string, args: string[]): Promise<void> {
  await run(program, args, { maxBuffer: 2 ** 26 });
  compiled.push(args[args.indexOf("-o") + 1] as string);
}

describe("inventory", () => {
  test("finds at least one healthy GPU and the driver's version", () => {
    const problems = inventory.gpus.map(({ index, problem }) => `GPU ${index}: ${problem ?? "healthy"}`);
    expect(first, [inventory.problem ?? "NVML answered", ...problems].join("\n")).toMatch(/^GPU-/);
    expect(inventory.driverVersion).toMatch(/^\d+\.\d+/);
  });

  test.skipIf(real?.nvidiaSmi == null)("says what nvidia-smi -q -x says", async () => {
    const { stdout } = await run(real?.nvidiaSmi ?? "", ["-q", "-x"], { maxBuffer: 2 ** 26, env: real?.env });
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

describe("this machine itself, before any container", () => {
  // Where this fails, the machine is at fault and not the injection.
  withCuda("runs a kernel on its GPU", async () => {
    const { stdout } = await run(join(folder, "cuda-probe"), ["add"], { env: real?.env });
    expect(stdout).toBe("1048576 sums are right\n");
  });
});

describe.skipIf(missing.length > 0)("in containers", () => {
  let engine: TestEngine;
  /** A CUDA context takes some hundred MiB of host memory and threads of its own. */
  const inContainer = (script: string, gpuUuids: string[]) =>
    engine.runToEnd(script, { image: HOST_IMAGE, gpuUuids, memoryBytes: real === null ? 64 * 2 ** 20 : null, pidsLimit: 1024 });

  beforeAll(async () => {
    engine = await openTestEngine({ gpuHost });
    const driver = [real?.nvidiaSmi, real?.nvml].filter((path) => typeof path === "string");
    await addHostImage(engine.images, [...PROGRAMS, ...compiled], driver);
  }, 120_000);
  afterAll(() => engine?.close());

  test("a container with one GPU sees the assigned device node and no other GPU's", async () => {
    const { log } = await inContainer("ls /dev", [first]);
    const nodes = log.split(/\s+/).filter((name) => /^nvidia\d+$/.test(name));
    expect(nodes).toEqual([`nvidia${inventory.gpus.find(({ uuid }) => uuid === first)?.minor}`]);
  });

  test.skipIf(real !== null && real.nvidiaSmi === null)("it runs nvidia-smi -L, which lists exactly the assigned GPU", async () => {
    const { log, exit } = await inContainer("nvidia-smi -L", [first]);
    expect(exit.exitCode, log).toBe(0);
    expect(log.match(/GPU-[0-9a-f-]{36}/g)).toEqual([first]);
  });

  withCuda("it counts one device in CUDA and runs a kernel on it", async () => {
    const { log, exit } = await inContainer("cuda-probe count && cuda-probe add", [first]);
    expect(exit.exitCode, log).toBe(0);
    expect(log).toBe("1\n1048576 sums are right\n");
  });

  test.skipIf(!real?.nvcc)("it runs a program that nvcc compiled", async (context) => {
    if (!compiled.includes(join(folder, "cuda-program"))) return context.skip("this machine's nvcc does not compile");
    const { log, exit } = await inContainer("cuda-program", [first]);
    expect(exit.exitCode, log).toBe(0);
    expect(log).toBe("1048576 products are right\n");
  });

  withCuda(
    "it cannot read what an earlier container left in GPU memory",
    async () => {
      const filled = await inContainer("cuda-probe fill 173", [first]);
      expect(filled.exit.exitCode, filled.log).toBe(0);
      const sought = await inContainer("cuda-probe seek 173", [first]);
      expect(sought.exit.exitCode, sought.log).toBe(0);
      expect(sought.log).toMatch(/^found 0 of \d+ bytes\n$/);
    },
    600_000,
  );

  test("a container without a GPU cannot make a node for one", async () => {
    const { log } = await inContainer("mknod /tmp/gpu c 195 0; cat /tmp/gpu; ls /dev", []);
    expect(log).toMatch(/not permitted/i);
    expect(log).not.toContain("nvidia");
  });

  test("a container with one GPU cannot open another, even after mknod", async (context) => {
    const other = inventory.gpus.find(({ uuid }) => uuid !== first);
    if (other === undefined) return context.skip("this machine has one GPU");
    const { log } = await inContainer(`mknod /tmp/gpu c 195 ${other.minor}; cat /tmp/gpu; cat /dev/nvidia${other.minor}`, [first]);
    expect(log).toMatch(/not permitted/i);
    expect(log).toMatch(/nvidia\d+.*no such file/i);
  });

  withCuda("CUDA in a container without a GPU finds no driver", async () => {
    const { exit } = await inContainer("cuda-probe count", []);
    expect(exit.exitCode).toBe(1);
  });
});
