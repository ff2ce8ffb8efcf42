import { readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { loadTinyImage } from "../support/load-tiny-image.ts";
import { until } from "../support/poll.ts";

let berth: Berth;

/** GPU 0 is to be shared, GPU 1 is split. */
beforeAll(async () => {
  berth = await Berth.start({ simulateGpus: 2, extraArguments: ["--simulate-mig", "1=3g.40gb,1g.10gb,1g.10gb"] });
  await loadTinyImage(berth);
});
afterAll(() => berth?.dispose());

const SLEEP = { command: ["sleep", "1000"], stopGrace: "1s" };

async function gpuOf(id: string, state: "running" | "succeeded" = "running"): Promise<string> {
  return (await berth.waitFor(id, state)).attempt?.assignments[0]?.gpuUuids.join() ?? "";
}

async function reasonOf(id: string, wanted: RegExp): Promise<string> {
  return until(`job ${id} to wait because ${wanted}`, 60, async () => {
    const { state, pendingReason } = await berth.job(id);
    return state === "pending" && wanted.test(pendingReason ?? "") ? (pendingReason ?? "") : undefined;
  });
}

test("halves of a GPU run side by side for one project, the third waits with the reason, and another project's half is refused", async () => {
  const half = (name: string, more: object = {}) => berth.submit({ name, ...SLEEP, resources: { gpus: 0.5, cpus: "100m" }, ...more });
  const first = await half("first");
  const uuid = await gpuOf(first);
  const foreign = await half("foreign", { project: "other" });
  await reasonOf(foreign, /has room only on GPUs of project default \(job \d+ uses 0\.5\)/);
  const second = await half("second");
  expect(await gpuOf(second)).toBe(uuid);
  const third = await half("third");
  await reasonOf(third, /needs 0\.5 of a GPU on one node; .* has at most 0 of a GPU free \(job \d+ uses 0\.5, job \d+ uses 0\.5\)/);

  expect((await berth.cli("ps", "--no-headers")).stdout).toMatch(/first +running +1 +0\.5 /);
  expect((await berth.cli("get", first)).stdout).toContain("0.5 of a GPU (time-slice)");
  const node = (await berth.nodes())[0]?.name ?? "";
  expect((await berth.cli("nodes", "--no-headers")).stdout).toMatch(/ 1\/2 +SIMULATED/);
  expect((await berth.cli("nodes", node)).stdout).toMatch(/1 shared, 79\.6 GiB/);
  expect((await berth.cli("explain", third)).stdout).toContain("1 has at most 0 of a GPU free");

  await berth.cli("cancel", second);
  expect(await gpuOf(third)).toBe(uuid);
  for (const id of [first, third, foreign]) await berth.cli("cancel", id);
});

test("a job with a part of a GPU sees that GPU and is told its part", async () => {
  const command = ["sh", "-c", 'ls /dev; echo "$BERTH_GPU_SHARE $BERTH_GPU_MEMORY_BYTES $XLA_PYTHON_CLIENT_MEM_FRACTION"'];
  const id = await berth.submit({ name: "told", command, resources: { gpus: 0.25, gpuMemory: "10Gi" } });
  await berth.waitFor(id, "succeeded");
  const lines = await berth.logLines(id);
  expect(lines.filter((name) => /^nvidia\d+$/.test(name))).toEqual(["nvidia0"]);
  expect(lines.at(-1)).toBe(`0.25 ${10 * 2 ** 30} 0.12`);
});

/** Processes of MPS daemons of this test's node. */
async function mpsDaemons(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    const environment = /^\d+$/.test(pid) ? await readFile(join("/proc", pid, "environ"), "utf8").catch(() => "") : "";
    if (environment.includes(`CUDA_MPS_PIPE_DIRECTORY=${berth.runDir}/mps/`)) found.push(pid);
  }
  return found;
}

/** The one that serves: as long as it starts, a program of its shell's is beside it, or it is itself being executed. */
function theDaemon(): Promise<string[]> {
  return until("one daemon", 60, async () => {
    const found = await mpsDaemons();
    return found.length === 1 && (await readFile(`/proc/${found[0]}/comm`, "utf8")) === "sleep\n" ? found : null;
  });
}

const MPS = { gpus: 0.25, gpuSharing: "mps", gpuMemory: "10Gi", cpus: "100m" };

test("jobs by MPS are clients of one daemon of their GPU, with its limits, and the daemon ends with the last of them", async () => {
  const tell = 'echo "$CUDA_MPS_PIPE_DIRECTORY $CUDA_MPS_ACTIVE_THREAD_PERCENTAGE $CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"';
  const command = ["sh", "-c", `${tell}; ls $CUDA_MPS_PIPE_DIRECTORY; cat /dev/shm/cuda.mps; sleep 1000`];
  const client = (name: string) => berth.submit({ name, command, stopGrace: "1s", resources: MPS });
  const [one, other] = [await client("one"), await client("other")];
  const uuid = await gpuOf(one);
  expect(await gpuOf(other)).toBe(uuid);
  for (const id of [one, other]) {
    await until("its words", 60, async () => (await berth.logLines(id)).length >= 3);
    expect(await berth.logLines(id)).toEqual([
      "/usr/local/nvidia/run/nvidia-mps 25 0=10240M",
      "control",
      `simulated MPS control daemon of ${uuid}`,
    ]);
  }
  const daemon = await theDaemon();
  await berth.cli("cancel", one);
  await berth.waitFor(one, "cancelled");
  expect(await mpsDaemons()).toEqual(daemon);
  await berth.cli("cancel", other);
  await until("the daemon to end", 60, async () => (await mpsDaemons()).length === 0);
});

test("an MPS daemon outlives a killed agent with its clients, and the next agent ends it when they have ended", async () => {
  const id = await berth.submit({ name: "survivor", ...SLEEP, resources: MPS });
  await gpuOf(id);
  const before = await theDaemon();
  await berth.killTree();
  expect(await mpsDaemons()).toEqual(before);
  await berth.up();
  await berth.waitFor(id, "running");
  expect(await mpsDaemons()).toEqual(before);
  await berth.cli("cancel", id);
  await until("the daemon to end", 60, async () => (await mpsDaemons()).length === 0);
});

test("a node without MPS is not chosen, and the job says so and how to share without", async () => {
  const home = join(berth.dataDir, "simulated-gpus");
  const root = (await readdir(home)).find((name) => name.startsWith("root-")) ?? "";
  await rename(join(home, root, "usr/bin/nvidia-cuda-mps-control"), join(home, root, "usr/bin/away"));
  await until("the node to say that it has no MPS", 60, async () => (await berth.nodes())[0]?.facts.mps === false);
  const id = await berth.submit({ name: "without", ...SLEEP, resources: MPS });
  await reasonOf(id, /needs 0\.25 of a GPU by mps; no node has NVIDIA MPS \(gpuSharing: time-slice does without\)/);
  expect((await berth.cli("explain", id)).stdout).toContain("1 without NVIDIA MPS");
  await rename(join(home, root, "usr/bin/away"), join(home, root, "usr/bin/nvidia-cuda-mps-control"));
  await berth.cli("cancel", id);
  expect(await mpsDaemons()).toEqual([]);
});

test("a job with a MIG device sees exactly that device", async () => {
  const command = [
    "sh",
    "-c",
    "echo $NVIDIA_VISIBLE_DEVICES; ls /dev/nvidia-caps; ls -d /proc/driver/nvidia/capabilities/gpu*/mig/gi*; ls /dev",
  ];
  const id = await berth.submit({ name: "mig", command, resources: { mig: "3g.40gb" } });
  const uuid = await gpuOf(id, "succeeded");
  const lines = await berth.logLines(id);
  expect(uuid).toMatch(/^MIG-/);
  expect(lines[0]).toBe(uuid);
  // The first of three devices: the nodes of its GPU instance and compute instance, and none of the others'.
  expect(lines.filter((line) => /^nvidia-cap\d+$/.test(line))).toEqual(["nvidia-cap1", "nvidia-cap2"]);
  expect(lines.filter((line) => /^nvidia\d+$/.test(line))).toEqual(["nvidia1"]);
});

test("each MIG device has one owner, and a profile that is taken is waited for", async () => {
  const small = (name: string) => berth.submit({ name, ...SLEEP, resources: { mig: "1g.10gb", cpus: "100m" } });
  const [one, other, third] = [await small("one"), await small("other"), await small("third")];
  expect(new Set([await gpuOf(one), await gpuOf(other)]).size).toBe(2);
  await reasonOf(third, /needs 1 MIG device 1g\.10gb on one node; .* has 0 free of 2 \(job \d+ uses 1, job \d+ uses 1\)/);
  expect((await berth.cli("ps", "--no-headers")).stdout).toMatch(/one +running +1 +1 x 1g\.10gb/);
  const node = (await berth.nodes())[0]?.name ?? "";
  expect((await berth.cli("nodes", node)).stdout).toContain("2 of 3 MIG devices");
  await berth.cli("cancel", one);
  expect(await gpuOf(third)).toMatch(/^MIG-/);
  for (const id of [other, third]) await berth.cli("cancel", id);
});

test("what does not go together is refused at submit, with the field", async () => {
  for (const [resources, words] of [
    [{ gpus: 1.5 }, "/resources/gpus"],
    [{ gpus: 0.5, mig: "1g.10gb" }, "/resources/gpus"],
    [{ gpus: 1, gpuSharing: "mps" }, "/resources/gpuSharing"],
    [{ mig: "huge" }, "mig"],
  ] as const)
    await expect(berth.submit({ name: "bad", ...SLEEP, resources })).rejects.toThrow(words);
});
