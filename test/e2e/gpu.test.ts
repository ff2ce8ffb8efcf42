import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { loadTinyImage } from "../support/load-tiny-image.ts";

let berth: Berth;

beforeAll(async () => {
  berth = await Berth.start({ simulateGpus: 4 });
  await loadTinyImage(berth);
});
afterAll(() => berth?.dispose());

test("nodes show the simulated GPUs and say loudly that they are simulated", async () => {
  expect((await berth.nodes())[0]?.facts.gpus).toHaveLength(4);
  const { stdout, stderr } = await berth.cli("nodes");
  expect(stdout + stderr).toMatch(/simulated/i);
});

test("a job sees exactly the GPUs that were assigned to it, and may not open another", async () => {
  const script = [
    "ls /dev | grep -E '^nvidia[0-9]+$'",
    // An assigned node passes the device rules and finds no driver behind it; another one is refused by the rules.
    "for n in 0 1 2 3; do [ -e /dev/nvidia$n ] && cat /dev/nvidia$n 2>&1 | grep -o 'No such device or address'; done",
    "mknod /tmp/other c 195 200 2>&1 || true",
  ].join("; ");
  const id = await berth.submit({ name: "two-gpus", command: ["sh", "-c", script], resources: { gpus: 2 } });
  const job = await berth.waitFor(id, "succeeded");
  expect(job.attempt?.assignments[0]?.gpuUuids).toHaveLength(2);
  const lines = await berth.logLines(id);
  expect(lines.filter((line) => /^nvidia\d$/.test(line))).toHaveLength(2);
  expect(lines.filter((line) => line === "No such device or address")).toHaveLength(2);
  expect(lines.join("\n")).toMatch(/mknod: .*(not permitted|denied)/i);
});

test("a job without GPUs sees none, whatever its environment says", async () => {
  const id = await berth.submit({
    name: "no-gpu",
    command: ["sh", "-c", "ls /dev | grep -c nvidia"],
    env: { NVIDIA_VISIBLE_DEVICES: "all" },
  });
  await berth.waitFor(id, "failed");
  expect(await berth.logLines(id)).toEqual(["0"]);
});

test("no GPU has two owners while more jobs wait than there are GPUs", async () => {
  const ids = await Promise.all(
    Array.from({ length: 6 }, (_, index) => berth.submit({ name: `share-${index}`, command: ["sleep", "1"], resources: { gpus: 2 } })),
  );
  const finished = await Promise.all(ids.map((id) => berth.waitFor(id, "succeeded", 120)));
  const intervals = finished.flatMap((job) =>
    (job.attempt?.assignments[0]?.gpuUuids ?? []).map((uuid) => ({
      uuid,
      from: job.attempt?.replicas[0]?.startedAt ?? 0,
      to: job.attempt?.replicas[0]?.finishedAt ?? 0,
    })),
  );
  for (const one of intervals) {
    const overlapping = intervals.filter((other) => other !== one && other.uuid === one.uuid && other.from < one.to && one.from < other.to);
    expect(overlapping).toEqual([]);
  }
});
