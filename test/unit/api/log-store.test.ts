import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogStore, type LogStore } from "../../../src/control/api/index.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";
import { runs } from "../../support/property-runs.ts";

let folder: string;
let store: LogStore;
const key = { jobId: "1", epoch: 1, rank: 0 };
const bytes = (text: string) => Buffer.from(text);
const open = (options = {}) => createLogStore({ root: join(folder, "logs"), logger: silentLogger(), ...options });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-logs-"));
  store = open();
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

describe("the offset protocol", () => {
  it("appends what starts where the log ends", async () => {
    expect(await store.append(key, 0, bytes("abc"))).toBe(3);
    expect(await store.append(key, 3, bytes("def"))).toBe(6);
    expect(await readFile(store.path(key), "utf8")).toBe("abcdef");
  });

  it("answers the size to a push with a gap before it", async () => {
    await store.append(key, 0, bytes("abc"));
    await expect(store.append(key, 5, bytes("x"))).rejects.toMatchObject({ code: "log_offset_mismatch", details: { size: 3 } });
  });

  it("stores a repeated or overlapping push once", async () => {
    await store.append(key, 0, bytes("abcdef"));
    expect(await store.append(key, 0, bytes("abc"))).toBe(6);
    expect(await store.append(key, 4, bytes("efgh"))).toBe(8);
    expect(await readFile(store.path(key), "utf8")).toBe("abcdefgh");
  });

  it("goes on after a restart from what is on disk", async () => {
    await store.append(key, 0, bytes("abc"));
    await store.close();
    store = open();
    await expect(store.append(key, 10, bytes("x"))).rejects.toMatchObject({ details: { size: 3 } });
    expect(await store.append(key, 3, bytes("d"))).toBe(4);
  });

  it("ends with every byte whatever is repeated, cut, overlapping or lost on the way", async () => {
    const job = { last: 0 };
    const pushes = fc.array(fc.record({ from: fc.nat(400), length: fc.nat(200) }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 400 }), pushes, async (content, attempts) => {
        job.last += 1;
        const mine = { jobId: String(job.last), epoch: 1, rank: 0 };
        for (const { from, length } of attempts) {
          await store
            .append(mine, from, content.subarray(from, from + length))
            .catch((error) => expect(error.code).toBe("log_offset_mismatch"));
        }
        const size = await store.append(mine, 0, Buffer.alloc(0));
        await store.append(mine, size, content.subarray(size));
        expect(await readFile(store.path(mine))).toEqual(Buffer.from(content));
      }),
      { numRuns: runs(60) },
    );
  });

  it("keeps the order of pushes that arrive together", async () => {
    const results = await Promise.allSettled([
      store.append(key, 0, bytes("aa")),
      store.append(key, 2, bytes("bb")),
      store.append(key, 4, bytes("cc")),
    ]);
    expect(results.map((result) => result.status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
    expect(await readFile(store.path(key), "utf8")).toBe("aabbcc");
  });
});

describe("a log at its limit", () => {
  it("keeps the first bytes, says so once, and goes on taking pushes", async () => {
    await store.close();
    store = open({ maxBytes: 10 });
    expect(await store.append(key, 0, bytes("0123456789abc"))).toBe(13);
    expect(await store.append(key, 13, bytes("def"))).toBeGreaterThanOrEqual(16);
    const text = await readFile(store.path(key), "utf8");
    expect(text).toMatch(/^0123456789\n\S+ stderr F \[berth: only the first 10 bytes of this log are kept\]\n$/);
    await store.close();
    store = open({ maxBytes: 10 });
    expect(await store.append(key, 1_000_000, bytes("x"))).toBe(1_000_001);
    expect(await readFile(store.path(key), "utf8")).toBe(text);
  });
});

describe("owners and places", () => {
  it("remembers the first node that a log was given to, across restarts", async () => {
    await store.grant(key, "n1");
    await store.grant(key, "n2");
    await store.close();
    store = open();
    expect(await store.owner(key)).toBe("n1");
    expect(await store.owner({ ...key, rank: 1 })).toBeNull();
  });

  it.each([["../../etc"], ["1/2"], [""], ["a"], ["."]])("never makes a path of the id %j", (jobId) => {
    expect(() => store.path({ ...key, jobId })).toThrow(/cannot name a log/);
  });

  it("does not write through a link", async () => {
    await store.append(key, 0, bytes("x"));
    await symlink("/etc/passwd", store.path({ ...key, rank: 1 }));
    await expect(store.append({ ...key, rank: 1 }, 0, bytes("x"))).rejects.toMatchObject({ code: "ELOOP" });
  });

  it("lists the ranks of an attempt in order", async () => {
    for (const rank of [10, 2, 0]) await store.append({ ...key, rank }, 0, bytes("x"));
    await store.grant({ ...key, rank: 5 }, "n1");
    expect(await store.ranks("1", 1)).toEqual([0, 2, 10]);
    expect(await store.ranks("1", 2)).toEqual([]);
  });
});

it("holds no more open files than its limit, and loses nothing by closing them", async () => {
  await store.close();
  store = open({ openFiles: 4 });
  const ranks = Array.from({ length: 40 }, (_, rank) => rank);
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(ranks.map((rank) => store.append({ ...key, rank }, round, bytes(String(round)))));
  }
  const descriptors = await readdir("/proc/self/fd");
  const { readlink } = await import("node:fs/promises");
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  expect(targets.filter((target) => target.startsWith(folder)).length).toBeLessThanOrEqual(4);
  for (const rank of ranks) expect(await readFile(store.path({ ...key, rank }), "utf8")).toBe("012");
});
