import { appendFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createGpuHost, type GpuHost, prepareSimulatedGpus } from "../../../src/node/gpu/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { buildFakeAndHook, FAKE_BUILD } from "./support/builds.ts";

let stateDir: string;
let driverRoot: string;
let library: string;
let host: GpuHost;

beforeAll(() => buildFakeAndHook("all"));
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "berth-inventory-"));
  const simulated = await prepareSimulatedGpus({ stateDir, count: 2, fakeBuildDir: FAKE_BUILD });
  driverRoot = simulated.driverRoot;
  library = simulated.nvmlLibrary;
  await restart();
});
afterEach(() => rm(stateDir, { recursive: true, force: true }));

/** What the agent does when it starts: all that is known comes from the disk. */
async function restart() {
  host = await createGpuHost({ native: loadNative(), clock: systemClock(), driverRoot, simulated: true, stateDir });
  return seen();
}

async function seen() {
  return (await host.inventory()).gpus.map(({ uuid, healthy, problem }) => [uuid, healthy, problem]);
}

/** Appends to the fake driver's configuration; a later line wins. */
async function configure(line: string): Promise<void> {
  await appendFile(join(dirname(library), "fake-nvml.conf"), `${line}\n`);
}

const OTHER = "GPU-99999999-9999-9999-9999-999999999999";

describe("however often the agent is started again", () => {
  it("hands out neither a GPU whose UUID changed nor the new one, until the old one is back", async () => {
    const [first, second = ""] = (await host.inventory()).gpus.map(({ uuid }) => uuid);
    await configure(`uuid.1=${OTHER}`);
    const quarantined = [
      [first, true, null],
      [OTHER, false, `its slot held ${second} before: \`berth gpu release --end\` accepts it`],
      [second, false, `its slot now holds ${OTHER}`],
    ];
    // Changed while no agent ran, and again after one that saw it.
    expect(await restart()).toEqual(quarantined);
    expect(await restart()).toEqual(quarantined);
    await expect(host.planFor([OTHER], { env: {} })).rejects.toMatchObject({ code: "gpu_unavailable" });
    await configure(`uuid.1=${second}`);
    expect(await restart()).toEqual([
      [first, true, null],
      [second, true, null],
    ]);
    expect(await restart()).toHaveLength(2);
  });

  it("hands out the new one once somebody has accepted it", async () => {
    const [first] = (await host.inventory()).gpus.map(({ uuid }) => uuid);
    await configure(`uuid.1=${OTHER}`);
    await host.inventory();
    await host.release(0);
    const accepted = [
      [first, true, null],
      [OTHER, true, null],
    ];
    expect(await seen()).toEqual(accepted);
    expect(await restart()).toEqual(accepted);
  });

  it("reports a GPU that fell off the bus while no agent ran, until it is back", async () => {
    const [first, second] = (await host.inventory()).gpus.map(({ uuid }) => uuid);
    const node = join(driverRoot, "dev/nvidia1");
    await rename(node, `${node}-away`);
    const gone = [
      [first, true, null],
      [second, false, "NVML no longer reports it"],
    ];
    expect(await restart()).toEqual(gone);
    expect(await restart()).toEqual(gone);
    await rename(`${node}-away`, node);
    expect(await restart()).toEqual([
      [first, true, null],
      [second, true, null],
    ]);
  });

  it("keeps what it knows whole on the disk, and starts with nothing where that is damaged", async () => {
    await host.inventory();
    const file = join(stateDir, "gpu-verdicts.json");
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ driverRoot, gpus: [{ minor: 0 }, { minor: 1 }], suspects: [] });
    await configure(`uuid.1=${OTHER}`);
    await writeFile(file, '{"bootId":');
    expect((await restart()).map(([, healthy]) => healthy)).toEqual([true, true]);
    expect((await readdir(stateDir)).filter((name) => name.includes("verdicts"))).toEqual(["gpu-verdicts.json"]);
  });
});
