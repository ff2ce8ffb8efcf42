import { appendFile, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Agent, request } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Gpu } from "../../src/shared/domain/index.ts";
import { Berth } from "../support/berth.ts";
import { loadTinyImage } from "../support/load-tiny-image.ts";
import { until } from "../support/poll.ts";

const MIB = 2 ** 20;
let berth: Berth;
let node: Agent;

beforeAll(async () => {
  berth = await Berth.start({ simulateGpus: 2 });
  node = new Agent({ connect: { socketPath: join(berth.runDir, "node.sock") } });
  await loadTinyImage(berth);
});
afterAll(async () => {
  await node?.close();
  await berth?.dispose();
});

/** The fake driver reads its configuration again and again. */
async function driverSays(...lines: string[]): Promise<void> {
  const home = join(berth.dataDir, "simulated-gpus");
  const root = (await readdir(home)).find((name) => name.startsWith("root-")) ?? "";
  await appendFile(join(home, root, "usr/lib/x86_64-linux-gnu/fake-nvml.conf"), lines.map((line) => `${line}\n`).join(""));
}

async function gpus(): Promise<Gpu[]> {
  return ((await berth.nodes())[0]?.facts.gpus ?? []) as Gpu[];
}

async function metrics(): Promise<string> {
  return (await request("http://node/metrics", { dispatcher: node })).body.text();
}

test("berth gpu shows this machine's GPUs and how they reach each other", async () => {
  await driverSays("nvlink.0=1,1", "nvlink.1=0,0", "mig.1=0");
  await until("the links", 60, async () => (await gpus())[0]?.nvlinks.length === 1);
  const wide = await berth.cli("gpu", "ls", "-o", "wide");
  expect(wide.stdout).toMatch(/LAST XID/);
  expect(wide.stdout).toMatch(/00000000:10:00\.0/);
  const { stdout } = await berth.cli("gpu", "topology", "--no-headers");
  const words = stdout
    .trim()
    .split("\n")
    .map((line) =>
      line
        .trim()
        .split(/\s{2,}/)
        .slice(0, 3),
    );
  expect(words).toEqual([
    ["GPU0", "X", "NV2"],
    ["GPU1", "NV2", "X"],
  ]);
  expect((await berth.cli("nodes", (await berth.nodes())[0]?.name ?? "", "-o", "wide")).stdout).toMatch(/NVLINKS +MIG/);
});

test("a job's end tells the most GPU memory it used", async () => {
  await driverSays("processes.0=1:700", "processes.1=1:700", "memory-used-mib.0=900", "memory-used-mib.1=900");
  const seen = async () => (await metrics()).match(/^DCGM_FI_DEV_FB_USED\{.*\} 900$/gm)?.length === 2;
  await until("the readings", 60, seen);
  const id = await berth.submit({ name: "memory", command: ["sleep", "4"], resources: { gpus: 1 } });
  const job = await berth.waitFor(id, "succeeded");
  expect(job.attempt?.replicas[0]?.usage?.peakGpuMemoryBytes).toBe(700 * MIB);
});

test("a GPU that falls off the bus is reported, its job is noticed, and nobody gets it again", async () => {
  const running = await berth.submit({ name: "victim", command: ["sleep", "1000"], stopGrace: "1s", resources: { gpus: 1 } });
  const uuid = (await berth.waitFor(running, "running")).attempt?.assignments[0]?.gpuUuids[0] ?? "";
  const index = (await gpus()).findIndex((gpu) => gpu.uuid === uuid);
  await driverSays(`xids.${index}=31,79`);
  const sick = async () => (await gpus()).find((gpu) => gpu.uuid === uuid && !gpu.healthy);
  expect(await until("the GPU to be unhealthy", 60, sick)).toMatchObject({ problem: "XID 79: GPU has fallen off the bus" });
  const named = new RegExp(`job-${running}-1-0.*a running replica's GPU [01] is not healthy: XID 79`);
  await until("the agent's log to name the job", 60, async () => named.test(await readFile(join(berth.dataDir, "log/agent.log"), "utf8")));
  expect(await metrics()).toMatch(new RegExp(`^berth_gpu_xid_errors_total\\{.*UUID="${uuid}".*xid="79"\\} 1$`, "m"));
  expect(await metrics()).toMatch(new RegExp(`^DCGM_FI_DEV_XID_ERRORS\\{.*UUID="${uuid}".*\\} 79$`, "m"));
  expect((await berth.cli("gpu", "ls")).stdout).toMatch(/XID 79: GPU has fallen off the bus/);
  await berth.cli("cancel", running);
  await berth.waitFor(running, "cancelled");
  const both = await berth.submit({ name: "both", command: ["true"], resources: { gpus: 2 } });
  const one = await berth.submit({ name: "one", command: ["true"], resources: { gpus: 1 } });
  expect((await berth.waitFor(one, "succeeded")).attempt?.assignments[0]?.gpuUuids).not.toContain(uuid);
  const waiting = await until("the reason", 60, async () => (await berth.job(both)).pendingReason);
  expect(JSON.stringify(waiting)).toMatch(/XID 79/);
});

test("after maintenance the GPUs are looked at anew, and a repaired one is given again", async () => {
  expect((await gpus()).some(({ healthy }) => !healthy)).toBe(true);
  expect(await berth.cli("gpu", "release", "--for", "2m")).toMatchObject({ code: 0, stderr: "" });
  await until("no GPU to be offered", 60, async () => (await gpus()).every(({ problem }) => problem?.includes("maintenance")));
  expect(await berth.cli("gpu", "release", "--end")).toMatchObject({ code: 0 });
  await until("all GPUs to be healthy", 60, async () => (await gpus()).every(({ healthy }) => healthy));
  const both = await berth.submit({ name: "both-again", command: ["true"], resources: { gpus: 2 } });
  await berth.waitFor(both, "succeeded");
});
