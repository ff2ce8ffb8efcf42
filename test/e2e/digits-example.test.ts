import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BASE_IMAGE, ensureBaseImage } from "../support/base-image.ts";
import { Berth } from "../support/berth.ts";
import { until } from "../support/poll.ts";

const run = promisify(execFile);
/** More than are trained while a busy machine stops the job. */
const ENDLESS = "100000";
let berth: Berth;

beforeAll(async () => {
  const archive = await ensureBaseImage();
  await run("examples/digits/fetch-data.sh");
  berth = await Berth.start({ simulateGpus: 1 });
  const { child, result } = berth.spawnCli(["images", "load"]);
  if (child.stdin) createReadStream(archive).pipe(child.stdin);
  expect((await result).code).toBe(0);
  const built = await berth.cli("build", "-t", "digits", "--build-arg", `BASE=${BASE_IMAGE}`, "examples/digits");
  expect(built.code, built.stderr).toBe(0);
});
afterAll(() => berth?.dispose());

interface Line {
  epoch: number;
  loss: number;
}

async function epochs(id: string): Promise<Line[]> {
  return (await berth.logLines(id)).flatMap((line) => {
    const match = /^epoch\s+(\d+)\/\d+\s+loss ([\d.]+)/.exec(line);
    return match ? [{ epoch: Number(match[1]), loss: Number(match[2]) }] : [];
  });
}

test("the digits job learns: its loss falls, it reads held-out digits, its checkpoint lies on the volume", async () => {
  const submitted = await berth.cli("submit", "examples/digits/job.yaml", "-o", "name");
  const id = submitted.stdout.trim().replace("job/", "");
  await berth.waitFor(id, "succeeded", 180);
  const lines = await epochs(id);
  expect(lines).toHaveLength(40);
  expect(lines.at(-1)?.loss).toBeLessThan((lines[0]?.loss ?? 0) / 20);
  const result = JSON.parse(await readFile(join(berth.dataDir, "volumes/digits-checkpoints/data/result.json"), "utf8")) as {
    accuracy: number;
  };
  expect(result.accuracy).toBeGreaterThan(0.95);
});

test("a training that was cancelled goes on from its last checkpoint when it is submitted again", async () => {
  const spec = { image: "digits", args: ["--epochs", ENDLESS], volumes: { resumed: "/checkpoints" }, resources: { memory: "512Mi" } };
  const first = await berth.submit({ name: "interrupted", ...spec });
  await until("a few epochs", 60, async () => (await epochs(first)).length >= 3);
  await berth.cli("cancel", first);
  await berth.waitFor(first, "cancelled");
  const done = (await epochs(first)).at(-1)?.epoch ?? 0;
  const second = await berth.submit({ name: "resumed", ...spec });
  await until("its first epoch", 60, async () => (await epochs(second)).length >= 1);
  expect((await epochs(second))[0]?.epoch).toBe(done + 1);
});

test("a training that must leave its node saves and acknowledges a checkpoint, and goes on from it", async () => {
  const submitted = await berth.cli(
    "submit",
    "examples/digits/job.yaml",
    "-o",
    "name",
    "--set",
    `args=[--epochs, '${ENDLESS}']`,
    "--set",
    "volumes={moved: /checkpoints}",
  );
  const id = submitted.stdout.trim().replace("job/", "");
  await until("a few epochs", 60, async () => (await epochs(id)).length >= 3);
  const [node] = await berth.nodes();
  expect((await berth.cli("node", "drain", node?.name ?? "", "--evict")).code).toBe(0);
  const waiting = await until("it to wait again", 60, async () => {
    const job = await berth.job(id);
    return job.state === "pending" ? job : null;
  });
  expect(waiting).toMatchObject({ preemptions: 1, retriesUsed: 0, checkpointAt: expect.any(Number) });
  expect((await berth.cli("get", id)).stdout).toMatch(/Checkpoint: +\d{4}-\d\d-\d\d/);
  expect((await berth.cli("events", id)).stdout).toContain("rank 0 has acknowledged its checkpoint");
  const log = await berth.logLines(id);
  await berth.cli("node", "uncordon", node?.name ?? "");
  await until("it to go on", 60, async () => (await berth.logLines(id)).some((line) => line.startsWith("going on after epoch")));
  const saved = Number(/stopped after epoch (\d+)/.exec(log.join("\n"))?.[1]);
  expect((await berth.logLines(id))[0] === "no GPU was asked for: training on the CPU").toBe(true);
  await until("its next epoch", 60, async () => (await epochs(id)).length >= 1);
  expect((await epochs(id))[0]?.epoch).toBe(saved + 1);
  await berth.cli("cancel", id);
  await berth.waitFor(id, "cancelled");
});

test("a loss that is not a number ends the job with exit code 3", async () => {
  const id = await berth.submit({
    name: "diverging",
    image: "digits",
    args: ["--learning-rate", "1e300"],
    volumes: { diverging: "/checkpoints" },
  });
  expect((await berth.waitFor(id, "failed")).outcome).toMatchObject({ cause: "exited", exitCode: 3 });
});

test("the GPU job finds its device node and the driver's libraries in the container", async () => {
  const submitted = await berth.cli("submit", "examples/digits/job-gpu.yaml", "-o", "name");
  const id = submitted.stdout.trim().replace("job/", "");
  await until("what arrived in the container", 60, async () => (await berth.logLines(id)).some((line) => line.startsWith("GPU 0:")));
  const lines = await berth.logLines(id);
  expect(lines).toContain("driver library: libcuda.so.1 loads");
  expect(lines).toContain("driver library: libnvidia-ml.so.1 loads");
  expect(lines.find((line) => line.startsWith("device nodes:"))).toContain("/dev/nvidia0");
});
