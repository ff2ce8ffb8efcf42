import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { berthPaths } from "../../../src/cli/supervise/berth-paths.ts";
import { isLocked, lockDataDir, lockedError } from "../../../src/cli/supervise/data-dir-lock.ts";
import { type ChildRecord, decideOrphans } from "../../../src/cli/supervise/orphans.ts";
import { redisConfig } from "../../../src/cli/supervise/redis-config.ts";
import { shutDownRedis } from "../../../src/cli/supervise/redis-probe.ts";
import { restartPause } from "../../../src/cli/supervise/service.ts";
import { identifyProcess, loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";

const record: ChildRecord = { name: "agent", pid: 42, startTicks: "1000", bootId: "boot-a", commandMark: "berth.mjs agent" };
const alive = { pid: 42, startTicks: "1000", commandLine: "node /opt/berth/bin/berth.mjs agent --join unix:///x" };

describe("which recorded children are ours to end", () => {
  const decide = (process: typeof alive, boot = "boot-a") => decideOrphans([record], new Map([[process.pid, process]]), boot);
  test("the very process that was started", () => {
    expect(decide(alive)).toEqual([record]);
  });
  test("not another one that got its pid since", () => {
    expect(decide({ ...alive, startTicks: "2000" })).toEqual([]);
    expect(decide({ ...alive, commandLine: "vim notes" })).toEqual([]);
  });
  test("not one of before the last boot, when the same pid may start at the same tick", () => {
    expect(decide(alive, "boot-b")).toEqual([]);
  });
  test("not one that is gone", () => {
    expect(decideOrphans([record], new Map(), "boot-a")).toEqual([]);
  });
});

test("a second holder is refused and told who the first one is; the lock goes with its holder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "berth-lock-"));
  const path = join(folder, "berth.lock");
  const native = loadNative();
  const startTicks = (await identifyProcess(process.pid))?.startTimeTicks ?? "";
  const holder = {
    pid: process.pid,
    startTicks,
    since: Date.parse("2026-03-01T12:00:00Z"),
    listen: "127.0.0.1:8470",
    runDir: "/run/berth",
  };
  try {
    expect(await isLocked(native, path)).toBe(false);
    const lock = await lockDataDir({ native, clock: systemClock() }, path, folder, holder);
    expect(await isLocked(native, path)).toBe(true);
    const second = lockDataDir({ native, clock: systemClock() }, path, folder, { ...holder, pid: 1 });
    await expect(second).rejects.toThrow(
      `${folder} is held by process ${process.pid} since 2026-03-01T12:00:00.000Z, listening on 127.0.0.1:8470`,
    );
    await lock.release();
    await (await lockDataDir({ native, clock: systemClock() }, path, folder, { ...holder, pid: 2 })).release();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a holder that has not written its name yet is another process", () => {
  expect(lockedError("/data", null).message).toBe("/data is held by another process");
});

describe("where things lie", () => {
  test("the default data dir has its sockets in /run/berth, another one in itself", () => {
    expect(berthPaths("/var/lib/berth").apiSocket).toBe("/run/berth/api.sock");
    expect(berthPaths("/tmp/try").apiSocket).toBe("/tmp/try/run/api.sock");
    expect(berthPaths("/tmp/try", "/run/x").redisSocket).toBe("/run/x/redis.sock");
  });
  test("a path too long for a socket is refused at once", () => {
    expect(() => berthPaths(`/tmp/${"x".repeat(120)}`)).toThrow(/longer than the 107 bytes/);
  });
});

test("the private Redis has no port and loses nothing", () => {
  const text = redisConfig(berthPaths('/tmp/a "b" \\c'));
  for (const line of ["port 0", "appendonly yes", "appendfsync always", "maxmemory-policy noeviction", 'save ""', "unixsocketperm 700"]) {
    expect(text.split("\n")).toContain(line);
  }
  expect(text).toContain('dir "/tmp/a \\"b\\" \\\\c/redis"');
});

test("no second Redis is started beside one that does not end", async () => {
  const folder = await mkdtemp(join(tmpdir(), "berth-redis-"));
  const socket = join(folder, "redis.sock");
  const deaf = createServer((connection) => connection.resume().end("+PONG\r\n"));
  await new Promise<void>((resolve) => deaf.listen(socket, resolve));
  let now = 0;
  const sleep = async () => {
    now += 6_000;
  };
  const clock = { ...systemClock(), monotonic: () => now, sleep };
  try {
    await expect(shutDownRedis(socket, clock)).rejects.toMatchObject({ code: "conflict" });
  } finally {
    await new Promise((resolve) => deaf.close(resolve));
    await rm(folder, { recursive: true });
  }
});

test("a child that keeps dying is started ever more slowly", () => {
  expect([0, 1, 2, 5, 6, 1000].map(restartPause)).toEqual([250, 500, 1000, 8000, 10_000, 10_000]);
});
