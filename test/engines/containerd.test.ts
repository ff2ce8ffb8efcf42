import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CGROUP_PARENT } from "../integration/gpu/support/container.ts";
import { exactly, SHOW, seen } from "../integration/gpu/support/show-gpus.ts";
import { TINY } from "../integration/gpu/support/tiny-archive.ts";
import { until } from "../support/poll.ts";
import { type CriClient, type CriContainer, openCriClient } from "./support/cri-client.ts";
import { ensureEngineRoot } from "./support/engine-root.ts";
import { type GpuEngines, openGpuEngines } from "./support/gpu-engines.ts";

const root = await ensureEngineRoot();
const reason = "unavailable" in root ? root.unavailable : "";
if (reason !== "") console.warn(`containerd of Debian 13 is not tested: ${reason}`);

/** As an administrator sets it up for Kubernetes; hooks/install.sh adds to it. */
const CONFIG = `version = 2
root = "FOLDER/containerd"
[grpc]
  address = "FOLDER/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  enable_cdi = true
  sandbox_image = "${TINY}"
  restrict_oom_score_adj = true
`;

describe.skipIf(reason !== "")("containerd 1.7", () => {
  let engines: GpuEngines;
  let cri: CriClient;
  let count = 0;
  const ctr = (...args: string[]) => engines.machine.run("ctr", "--address", join(engines.folder, "containerd.sock"), ...args);

  beforeAll(async () => {
    engines = await openGpuEngines("root" in root ? root.root : "", "containerd", { "etc/containerd/config.toml": CONFIG });
    engines.machine.start(join(engines.folder, "containerd.log"), "containerd");
    await until("containerd to answer", 60, async () => (await ctr("version")).code === 0);
    for (const namespace of ["k8s.io", "default"])
      expect(await ctr("--namespace", namespace, "images", "import", engines.imageArchive)).toMatchObject({ code: 0, stderr: "" });
    cri = openCriClient(join(engines.folder, "containerd.sock"));
  }, 120_000);
  afterAll(async () => {
    cri?.close();
    await engines?.close();
  });

  /** A pod of one container, from its start to its end, as a kubelet has it. */
  async function inPod(handler: string, asked: Partial<CriContainer>): Promise<{ code: number; log: string }> {
    count += 1;
    const pod = { name: `pod-${count}`, logDirectory: join(engines.folder, `logs-${count}`), cgroupParent: `/${CGROUP_PARENT}` };
    const podId = await cri.runPod(pod, handler);
    try {
      const container = { name: "main", image: TINY, command: SHOW, env: {}, cdiDevices: [], annotations: {}, ...asked };
      const id = await cri.createContainer(podId, pod, container);
      await cri.startContainer(id);
      const { code } = await until("the container's end", 60, async () => {
        const exit = await cri.exitCode(id);
        return exit === null ? null : { code: exit };
      });
      // Each line of a CRI log begins with a time, a stream and F for a full line.
      const log = await readFile(join(pod.logDirectory, "main.log"), "utf8");
      return { code, log: log.replace(/^\S+ std\S+ F /gm, "") };
    } finally {
      await cri.removePod(podId);
    }
  }
  describe("for a kubelet, with our CDI file", () => {
    it("shows exactly the GPUs that the kubelet names, by index and by UUID", async () => {
      const cdiDevices = ["nvidia.com/gpu=1", `nvidia.com/gpu=${engines.gpus.uuids[3]}`];
      const { code, log } = await inPod("", { cdiDevices });
      expect([code, seen(log)]).toEqual([0, exactly(engines.gpus, [1, 3])]);
    });

    it("knows the annotation that older device plugins write", async () => {
      const { log } = await inPod("", { annotations: { "cdi.k8s.io/berth_gpu": "nvidia.com/gpu=2" } });
      expect(seen(log)).toEqual(exactly(engines.gpus, [2]));
    });

    it("loads libcuda without any environment variable, cache or hook", async () => {
      const command = ["/bin/env", "-i", "/bin/cuda-probe"];
      expect(await inPod("", { cdiDevices: ["nvidia.com/gpu=all"], command })).toEqual({ code: 0, log: "cuInit 0, 4 devices\n" });
    });

    it("creates no container for a GPU that there is not", async () => {
      await expect(inPod("", { cdiDevices: ["nvidia.com/gpu=4"] })).rejects.toThrow(/unresolvable CDI devices nvidia.com\/gpu=4/);
    });
  });

  describe("for a kubelet, with the runtime class that hooks/install.sh writes", () => {
    it("shows exactly the GPUs that the container's environment asks for", async () => {
      const { code, log } = await inPod("berth", { env: { NVIDIA_VISIBLE_DEVICES: `${engines.gpus.uuids[0]},2` } });
      expect([code, seen(log)]).toEqual([0, exactly(engines.gpus, [0, 2])]);
      const script = "cat /dev/nvidia1; mknod /tmp/other c 195 0 && cat /tmp/other";
      const other = await inPod("berth", { env: { NVIDIA_VISIBLE_DEVICES: "1" }, command: ["/bin/sh", "-c", script] });
      expect(other.log).toContain("/dev/nvidia1': No such device or address");
      expect(other.log).toContain("/tmp/other': Operation not permitted");
    });

    it("tells the kubelet why a container did not start", async () => {
      const asking = inPod("berth", { env: { NVIDIA_VISIBLE_DEVICES: "0", NVIDIA_REQUIRE_CUDA: "cuda>=99" } });
      await expect(asking).rejects.toThrow(/berth-runtime|cuda>=99/);
    });
  });

  it("ctr with --runc-binary shows exactly the GPUs that were asked for", async () => {
    const options = [
      "--rm",
      "--runc-binary",
      join(engines.prefix, "usr/local/libexec/berth/berth-runtime"),
      "--cgroup",
      `/${CGROUP_PARENT}/ctr`,
    ];
    const { stdout } = await ctr("run", ...options, "--env", "NVIDIA_VISIBLE_DEVICES=1,3", TINY, "by-ctr", ...SHOW);
    expect(seen(stdout)).toEqual(exactly(engines.gpus, [1, 3]));
  });
});
