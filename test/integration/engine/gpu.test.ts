import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGpuHost, prepareSimulatedGpus } from "../../../src/node/gpu/index.ts";
import { builtFiles, loadNative, packageRoot } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { openTestEngine, type TestEngine } from "../../support/test-engine.ts";

describe.each(["crun", "runc"] as const)("a container with simulated GPUs run by %s", (runtime) => {
  let test: TestEngine;
  let stateDir: string;
  let uuids: string[];

  beforeAll(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "berth-gpus-"));
    const { driverRoot } = await prepareSimulatedGpus({ stateDir, count: 4, fakeBuildDir: builtFiles(packageRoot()).fakeNvidia });
    const gpuHost = await createGpuHost({ native: loadNative(), clock: systemClock(), driverRoot, simulated: true, stateDir });
    uuids = (await gpuHost.inventory()).gpus.map(({ uuid }) => uuid);
    test = await openTestEngine({
      runtime,
      gpuHost,
      owners: runtime === "crun" ? "chowned" : "idmapped",
      userns: { mapping: { uid: 300_000, gid: 400_000, count: 65_536 }, allowHost: true },
    });
  });
  afterAll(async () => {
    await test.close();
    await rm(stateDir, { recursive: true, force: true });
  });

  it.each(["host", "private"] as const)(
    "has exactly the nodes of the GPUs it was given, and may open them; user namespace: %s",
    async (userns) => {
      const { log } = await test.runToEnd("ls /dev | grep nvidia; for d in /dev/nvidia1 /dev/nvidiactl; do cat $d 2>&1; done", {
        gpuUuids: [uuids[1] as string],
        userns,
      });
      expect(log).toContain("nvidia1\nnvidiactl\n");
      expect(log).not.toMatch(/nvidia[023]\n/);
      // There is no driver behind them: the device rules let the open pass, and the kernel finds nobody.
      expect(log).toMatch(/No such device or address/);
      expect(log).not.toMatch(/not permitted/i);
    },
  );

  it.each(["host", "private"] as const)(
    "has the driver's libraries, read-only, and the loader's cache knows them; user namespace: %s",
    async (userns) => {
      const { log } = await test.runToEnd(
        "ls /usr/local/nvidia/lib64; touch /usr/local/nvidia/x 2>/dev/null || echo read-only; grep -c libcuda.so.1 /etc/ld.so.cache; ls -l /usr/bin/nvidia-smi",
        { gpuUuids: uuids.slice(0, 2), userns },
      );
      expect(log).toMatch(/libcuda\.so\.1\n/);
      expect(log).toMatch(/libnvidia-ml\.so\.1\n/);
      expect(log).toMatch(/read-only\n1\n/);
      expect(log).toContain("/usr/local/nvidia/bin/nvidia-smi");
    },
  );

  it("has none without asking, whatever the image's environment says", async () => {
    const { log } = await test.runToEnd('ls /dev | grep -c nvidia; ls -d /usr/local/nvidia 2>/dev/null; echo "$NVIDIA_VISIBLE_DEVICES"', {
      env: { NVIDIA_VISIBLE_DEVICES: "all" },
    });
    expect(log).toBe("0\nvoid\n");
  });

  it("is refused a GPU that is not there, and leaves nothing", async () => {
    await expect(test.run("true", { gpuUuids: ["GPU-stranger"] })).rejects.toMatchObject({ code: "gpu_unavailable" });
  });

  it("cannot reach another GPU by making its node", async () => {
    const { log } = await test.runToEnd("mknod /tmp/n c 195 3 2>&1; cat /tmp/n 2>&1", { gpuUuids: [uuids[0] as string], userns: "host" });
    expect(log).toMatch(/not permitted/i);
  });
});
