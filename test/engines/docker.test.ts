import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CGROUP_PARENT } from "../integration/gpu/support/container.ts";
import type { Finished } from "../integration/gpu/support/exec.ts";
import { exactly, SHOW, seen } from "../integration/gpu/support/show-gpus.ts";
import { until } from "../support/poll.ts";
import { ensureEngineRoot } from "./support/engine-root.ts";
import { type GpuEngines, openGpuEngines } from "./support/gpu-engines.ts";

const root = await ensureEngineRoot();
const reason = "unavailable" in root ? root.unavailable : "";
if (reason !== "") console.warn(`Docker of Debian 13 is not tested: ${reason}`);

/** As the manual of Docker 25 and later tells administrators to switch CDI on. */
const CONFIG = '{ "features": { "cdi": true } }';

describe.skipIf(reason !== "")("Docker 26", () => {
  let engines: GpuEngines;
  const docker = (...args: string[]): Promise<Finished> => engines.machine.run("docker", ...args);
  const run = (options: string[], ...command: string[]): Promise<Finished> =>
    docker("run", "--rm", "--network", "none", ...options, "tiny", ...command);

  beforeAll(async () => {
    engines = await openGpuEngines("root" in root ? root.root : "", "docker", { "etc/docker/daemon.json": CONFIG });
    const { folder, machine } = engines;
    const places = ["--data-root", join(folder, "docker"), "--bridge=none", "--iptables=false", "--ip6tables=false"];
    machine.start(join(folder, "dockerd.log"), "dockerd", ...places, "--cgroup-parent", `/${CGROUP_PARENT}`);
    await until("dockerd to answer", 60, async () => (await docker("version")).code === 0);
    expect(await docker("import", engines.imageTar, "tiny")).toMatchObject({ code: 0 });
  }, 120_000);
  afterAll(() => engines?.close());

  describe("with our CDI file", () => {
    it("shows exactly the GPUs that were asked for, by index and by UUID", async () => {
      const devices = ["--device", "nvidia.com/gpu=1", "--device", `nvidia.com/gpu=${engines.gpus.uuids[3]}`];
      expect(seen((await run(devices, ...SHOW)).stdout)).toEqual(exactly(engines.gpus, [1, 3]));
    });

    it("shows all of them for nvidia.com/gpu=all, and refuses one that there is not", async () => {
      expect(seen((await run(["--device", "nvidia.com/gpu=all"], ...SHOW)).stdout)).toEqual(exactly(engines.gpus, [0, 1, 2, 3]));
      const none = await run(["--device", "nvidia.com/gpu=4"], "/bin/true");
      expect(none.code).not.toBe(0);
      expect(none.stderr).toContain("unresolvable CDI devices nvidia.com/gpu=4");
    });

    it("loads libcuda without any environment variable, cache or hook", async () => {
      const { stdout, stderr } = await run(["--device", "nvidia.com/gpu=2"], "/bin/env", "-i", "/bin/cuda-probe");
      expect({ stdout, stderr }).toEqual({ stdout: "cuInit 0, 1 devices\n", stderr: "" });
    });

    it("lets no other GPU be opened, even one that the container makes itself", async () => {
      const script = "cat /dev/nvidia0; mknod /tmp/other c 195 3 && cat /tmp/other";
      const { stderr } = await run(["--device", "nvidia.com/gpu=0"], "/bin/sh", "-c", script);
      expect(stderr).toContain("/dev/nvidia0': No such device or address");
      expect(stderr).toContain("/tmp/other': Operation not permitted");
    });
  });

  describe("with --runtime berth", () => {
    const asking = (devices: string) => ["--runtime", "berth", "-e", `NVIDIA_VISIBLE_DEVICES=${devices}`];

    it("shows exactly the GPUs that were asked for, and none without the variable", async () => {
      expect(seen((await run(asking(`0,${engines.gpus.uuids[2]}`), ...SHOW)).stdout)).toEqual(exactly(engines.gpus, [0, 2]));
      expect((await run(["--runtime", "berth"], "/bin/ls", "/dev")).stdout).not.toContain("nvidia");
    });

    it("tells in Docker's own words why a container did not start", async () => {
      const { code, stderr } = await run(asking("9"), "/bin/true");
      expect(code).not.toBe(0);
      expect(stderr).toContain("this machine has no GPU 9");
    });
  });
});
