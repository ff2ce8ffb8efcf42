import { randomBytes } from "node:crypto";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ControlPlaneClient, createControlPlaneClient } from "../../../src/node/agent/control-plane-client.ts";
import { createLogShipper, type LogShipper } from "../../../src/node/agent/log-shipper.ts";
import { BerthError, systemClock } from "../../../src/shared/domain/index.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";
import { createFakeControlPlane, type FakeControlPlane } from "../../support/fake-control-plane.ts";
import { until } from "../../support/poll.ts";

const KEY = { jobId: "7", epoch: 1, rank: 0 };
const NAME = "7/1/0";
let plane: FakeControlPlane;
let client: ControlPlaneClient;
let shipper: LogShipper;
let folder: string;
let path: string;
let ends: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-log-shipper-"));
  path = join(folder, "log");
  await writeFile(path, "");
  plane = await createFakeControlPlane();
  plane.credentials.set("node-1", "secret");
  client = createControlPlaneClient({ url: plane.url, credential: () => "secret", answerMs: 2_000 });
  ends = [];
  shipper = newShipper();
});

afterEach(async () => {
  await shipper.close(1_000);
  await client.close();
  await plane.stop();
  await rm(folder, { recursive: true });
});

function newShipper(): LogShipper {
  return createLogShipper({
    client,
    onEnd: (id, how) => ends.push(`${id} ${how}`),
    clock: systemClock(),
    random: Math.random,
    log: silentLogger(),
  });
}

const stored = () => plane.logs.get(NAME) ?? Buffer.alloc(0);
const shipped = () => until("the log to be shipped", 60, () => ends.includes("c shipped"));

test("every byte arrives once, in order, in chunks of at most 1 MiB", async () => {
  const all = randomBytes(3 * 1024 * 1024 + 17);
  await appendFile(path, all.subarray(0, 100));
  shipper.follow("c", KEY, path);
  await until("the first bytes", 60, () => stored().length === 100);
  await appendFile(path, all.subarray(100));
  shipper.finish("c");
  await shipped();
  expect(stored().equals(all)).toBe(true);
  expect(Math.max(...plane.pushes)).toBe(1024 * 1024);
});

test("answers that get lost and a control plane that restarts cost no byte and double none", async () => {
  let calls = 0;
  plane.afterLog = () => {
    calls += 1;
    if (calls % 3 === 0) throw new BerthError("internal", "the answer is lost");
  };
  shipper.follow("c", KEY, path);
  const lines: Buffer[] = [];
  for (let line = 0; line < 200; line += 1) {
    lines.push(Buffer.from(`2026-01-01T00:00:00Z stdout F line ${line} ${"x".repeat((line * 37) % 500)}\n`));
    await appendFile(path, lines.at(-1) as Buffer);
    if (line === 100) {
      await until("some bytes", 60, () => stored().length > 0);
      await plane.stop();
      await plane.start();
    }
  }
  shipper.finish("c");
  await shipped();
  expect(stored().toString()).toBe(Buffer.concat(lines).toString());
});

test("a new agent goes on where the control plane stands, without memory of its own", async () => {
  await appendFile(path, "one\ntwo\n");
  plane.logs.set(NAME, Buffer.from("one\n"));
  shipper.follow("c", KEY, path);
  shipper.finish("c");
  await shipped();
  expect(stored().toString()).toBe("one\ntwo\n");
});

test("a control plane that lost its end of the log gets it again", async () => {
  await appendFile(path, "one\ntwo\n");
  shipper.follow("c", KEY, path);
  await until("the log", 60, () => stored().length === 8);
  plane.logs.set(NAME, Buffer.from("one\n"));
  await appendFile(path, "three\n");
  shipper.finish("c");
  await shipped();
  expect(stored().toString()).toBe("one\ntwo\nthree\n");
});

test("smaller chunks are tried where the control plane takes less", async () => {
  plane.logLimit = 100_000;
  const all = randomBytes(700_000);
  await appendFile(path, all);
  shipper.follow("c", KEY, path);
  shipper.finish("c");
  await shipped();
  expect(stored().equals(all)).toBe(true);
});

test("a log that the control plane will never take counts as shipped", async () => {
  plane.beforeLog = () => {
    throw new BerthError("stale_epoch", "attempt 1 is over");
  };
  await appendFile(path, "too late\n");
  shipper.follow("c", KEY, path);
  shipper.finish("c");
  await shipped();
});

test("an empty log, and one whose file is gone, are complete at once", async () => {
  shipper.follow("c", KEY, path);
  shipper.follow("d", { ...KEY, rank: 1 }, join(folder, "gone"));
  shipper.finish("c");
  shipper.finish("d");
  await until("both ends", 60, () => ends.includes("c shipped") && ends.includes("d shipped"));
  expect(plane.pushes).toEqual([]);
});

test("time without a control plane does not count against a log", async () => {
  await appendFile(path, "patience\n");
  await plane.stop();
  shipper.follow("c", KEY, path);
  shipper.finish("c");
  shipper.reachable(9_000);
  expect(ends).toEqual([]);
  shipper.reachable(2_000);
  expect(ends).toEqual(["c given-up"]);
  await plane.start();
  await until("the log all the same", 60, () => stored().toString() === "patience\n");
});

test("twenty logs at once arrive whole", async () => {
  const all = Array.from({ length: 20 }, () => randomBytes(200_000));
  for (const [rank, bytes] of all.entries()) {
    await writeFile(`${path}${rank}`, bytes);
    shipper.follow(`c${rank}`, { ...KEY, rank }, `${path}${rank}`);
    shipper.finish(`c${rank}`);
  }
  await until("all ends", 60, () => ends.length === 20);
  for (const [rank, bytes] of all.entries()) expect(plane.logs.get(`7/1/${rank}`)?.equals(bytes)).toBe(true);
});
