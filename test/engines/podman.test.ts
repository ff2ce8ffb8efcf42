import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CGROUP_PARENT } from "../integration/gpu/support/container.ts";
import type { Finished } from "../integration/gpu/support/exec.ts";
import { exactly, SHOW, seen } from "../integration/gpu/support/show-gpus.ts";
import { ensureEngineRoot } from "./support/engine-root.ts";
import { type GpuEngines, openGpuEngines } from "./support/gpu-engines.ts";

const root = await ensureEngineRoot();
const reason = "unavailable" in root ? root.unavailable : "";
if (reason !== "") console.warn(`podman of Debian 13 is not tested: ${reason}`);

describe.skipIf(reason !== "")("podman 5", () => {
  let engines: GpuEngines;

  beforeAll(async () => {
    engines = await openGpuEngines("root" in root ? root.root : "", "podman");
  }, 120_000);
  afterAll(() => engines?.close());

  function run(runtime: string, more: { globals?: string[]; options?: string[] }, ...command: string[]): Promise<Finished> {
    const { folder, machine, rootfs } = engines;
    const store = ["--root", join(folder, "podman"), "--runroot", join(folder, "podman-run"), "--storage-driver", "vfs"];
    const quiet = ["--cgroup-manager", "cgroupfs", "--events-backend", "none", "--runtime", runtime, ...(more.globals ?? [])];
    // Root without CAP_SYS_RESOURCE cannot have podman's default limits.
    const limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", "--cgroup-parent", `/${CGROUP_PARENT}`];
    const options = ["--rm", "--network", "none", ...limits, ...(more.options ?? [])];
    return machine.run("podman", ...store, ...quiet, "run", ...options, "--rootfs", rootfs, ...command);
  }

  describe.each(["runc", "crun"])("under %s", (runtime) => {
    it("shows exactly the GPUs of our CDI file that were asked for, and no other can be opened", async () => {
      const devices = ["--device", "nvidia.com/gpu=1", "--device", `nvidia.com/gpu=${engines.gpus.uuids[3]}`];
      const cdi = { options: devices };
      expect(seen((await run(runtime, cdi, ...SHOW)).stdout)).toEqual(exactly(engines.gpus, [1, 3]));
      expect((await run(runtime, cdi, "/bin/env", "-i", "/bin/cuda-probe")).stdout).toBe("cuInit 0, 2 devices\n");
      const { stderr } = await run(runtime, cdi, "/bin/sh", "-c", "mknod /tmp/other c 195 0 && cat /tmp/other");
      expect(stderr).toContain("Operation not permitted");
    });

    it("with our hook shows exactly the GPUs that the environment asks for", async () => {
      const globals = ["--hooks-dir", join(engines.prefix, "etc/containers/oci/hooks.d")];
      const asking = { globals, options: ["--env", `NVIDIA_VISIBLE_DEVICES=0,${engines.gpus.uuids[2]}`] };
      expect(seen((await run(runtime, asking, ...SHOW)).stdout)).toEqual(exactly(engines.gpus, [0, 2]));
      expect((await run(runtime, { globals }, "/bin/ls", "/dev")).stdout).not.toContain("nvidia");
    });
  });
});
