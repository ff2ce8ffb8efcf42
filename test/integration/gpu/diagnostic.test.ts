import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runDiagnostic } from "../../../src/node/agent/diagnostics/run-diagnostic.ts";
import { createGpuHost, type GpuHost, prepareSimulatedGpus } from "../../../src/node/gpu/index.ts";
import { builtFiles, loadNative, packageRoot } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";

/** The real inventory over the fake driver; what happens while the GPU is watched is scripted, nobody waits. */
let folder: string;
let host: GpuHost;
let uuid: string;
let driverSays: (line: string) => Promise<void>;
const watching = new AbortController().signal;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-diagnostic-"));
  const { fakeNvidia } = builtFiles(packageRoot());
  const { driverRoot } = await prepareSimulatedGpus({ stateDir: folder, count: 2, fakeBuildDir: fakeNvidia });
  driverSays = (line) => appendFile(join(driverRoot, "usr/lib/x86_64-linux-gnu/fake-nvml.conf"), `${line}\n`);
  host = await createGpuHost({ native: loadNative(), clock: systemClock(), driverRoot, simulated: true, stateDir: folder });
  uuid = (await host.inventory()).gpus[0]?.uuid ?? "";
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const diagnose = (meanwhile: () => Promise<void> = async () => {}, gpu: string | null = uuid, program: string | null = null) =>
  runDiagnostic({ gpuHost: host, clock: { ...systemClock(), sleep: meanwhile }, program }, gpu, watching);

describe("the diagnostic of a quarantined GPU", () => {
  test("passes when the driver has nothing against it, before and after", async () => {
    expect(await diagnose()).toBeNull();
    expect(await diagnose(async () => {}, null)).toBeNull();
  });

  test.each([
    ["error.0=lost", /lost/i],
    ["remap.0=pending", /waits to be remapped/],
    ["ecc-uncorrected.0=3", /3 uncorrectable ECC errors/],
    ["no-driver=1", /driver/i],
  ])("fails at %s with the reason", async (line, reason) => {
    expect(await diagnose(() => driverSays(line))).toMatch(reason);
  });

  test("of a node fails when one of its GPUs does, and names it", async () => {
    expect(await diagnose(() => driverSays("remap.1=failure"), null)).toMatch(/^GPU-.*could not be remapped/);
  });

  test("asks the operator's own check last, with the GPU's name", async () => {
    const program = join(folder, "check.sh");
    await writeFile(program, "#!/bin/sh\necho checked $BERTH_GPU_UUIDS\nexit 3\n", { mode: 0o755 });
    expect(await diagnose(undefined, uuid, program)).toBe(`${program} ended with code 3: checked ${uuid}`);
    await writeFile(program, "#!/bin/sh\nexit 0\n", { mode: 0o755 });
    expect(await diagnose(undefined, uuid, program)).toBeNull();
    expect(await diagnose(undefined, uuid, join(folder, "missing"))).toMatch(/missing/);
  });
});
