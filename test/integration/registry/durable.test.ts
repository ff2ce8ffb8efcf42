import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { request } from "undici";
import { afterEach, expect, test } from "vitest";
import { Bench, descriptor, OCI, openPool, pathOf, withQuery } from "../../contract/registry/harness.ts";
import { until } from "../../support/poll.ts";
import { openTestRegistry, randomBlob, sha256, type TestRegistry } from "../../support/registry-server.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function openBench(): Promise<{ registry: TestRegistry; bench: Bench; reopen(): Promise<Bench> }> {
  const registry = await openTestRegistry();
  cleanups.push(registry.remove);
  let serial = 0;
  const connect = () => {
    const pool = openPool(registry.url);
    cleanups.push(() => pool.destroy());
    return new Bench(pool, serial);
  };
  return {
    registry,
    bench: connect(),
    async reopen() {
      await registry.restart();
      serial = 0;
      return connect();
    },
  };
}

test("tags, manifests, blobs and referrers are there after a restart", async () => {
  const { bench, reopen } = await openBench();
  const image = await bench.image("one");
  const about = await bench.image("about", { subject: descriptor(OCI.manifest, image.bytes) });
  const after = await reopen();
  expect((await after.get("manifests/one")).body).toEqual(image.bytes);
  const listed = (await after.get(`referrers/${image.digest}`)).json()["manifests"] as { digest: string }[];
  expect(listed.map(({ digest }) => digest)).toEqual([about.digest]);
});

test("what was deleted is not there after a restart", async () => {
  const { bench, reopen } = await openBench();
  const gone = await bench.image("gone");
  const untagged = await bench.image("untagged");
  await bench.send("DELETE", `/v2/${bench.repository}/manifests/${gone.digest}`);
  await bench.send("DELETE", `/v2/${bench.repository}/manifests/untagged`);
  const after = await reopen();
  expect((await after.get(`manifests/${gone.digest}`)).status).toBe(404);
  expect((await after.get("manifests/untagged")).status).toBe(404);
  expect((await after.get(`manifests/${untagged.digest}`)).status).toBe(200);
});

test("an upload goes on after a restart", async () => {
  const { bench, reopen } = await openBench();
  const bytes = randomBlob(5000);
  const path = await bench.upload();
  await bench.send("PATCH", path, { headers: { "content-range": "0-1999" }, body: bytes.subarray(0, 2000) });
  const after = await reopen();
  expect((await after.send("GET", path)).headers["range"]).toBe("0-1999");
  const rest = await after.send("PATCH", path, { headers: { "content-range": "2000-4999" }, body: bytes.subarray(2000) });
  const put = await after.send("PUT", withQuery(pathOf(rest), { digest: sha256(bytes) }), { headers: { "content-length": "0" } });
  expect([rest.status, put.status]).toEqual([202, 201]);
});

test("a push killed in the middle of a chunk is resumed where it stood", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "berth-registry-kill-"));
  cleanups.push(() => rm(dataDir, { recursive: true, force: true }));
  const bytes = randomBlob(20_000_000);
  const first = await startWorker(dataDir);
  const bench = new Bench(first.pool, 1);
  const path = await bench.upload();
  const slow = (async function* () {
    for (let at = 0; at < 10_000_000; at += 65_536) yield bytes.subarray(at, at + 65_536);
    await once(first.child, "exit");
  })();
  const sending = bench.send("PATCH", path, { body: slow }).catch(() => "broken");
  await until(
    "some of it to be there",
    60,
    async () => Number(String((await bench.send("GET", path)).headers["range"]).slice(2)) > 5_000_000,
  );
  first.child.kill("SIGKILL");
  expect(await sending).toBe("broken");

  const second = await startWorker(dataDir);
  const resumed = new Bench(second.pool, 1);
  const next = Number(String((await resumed.send("GET", path)).headers["range"]).slice(2)) + 1;
  expect(next).toBeGreaterThan(5_000_000);
  const rest = await resumed.send("PATCH", path, {
    headers: { "content-range": `${next}-${bytes.byteLength - 1}` },
    body: bytes.subarray(next),
  });
  const put = await resumed.send("PUT", withQuery(pathOf(rest), { digest: sha256(bytes) }), { headers: { "content-length": "0" } });
  expect(put.status).toBe(201);
  expect((await resumed.send("GET", pathOf(put))).body.equals(bytes)).toBe(true);
  second.child.kill("SIGKILL");
  await once(second.child, "exit");
});

async function startWorker(dataDir: string): Promise<{ child: ChildProcess; pool: ReturnType<typeof openPool> }> {
  const worker = fileURLToPath(new URL("../../support/registry-worker.mjs", import.meta.url));
  const child = spawn(process.execPath, [worker, ROOT, dataDir], { stdio: ["ignore", "pipe", "inherit"] });
  cleanups.push(async () => child.kill("SIGKILL"));
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  const pool = openPool(`http://127.0.0.1:${String(port).trim()}`);
  cleanups.push(() => pool.destroy());
  return { child, pool };
}

test("a client that comes back takes over from its broken connection", async () => {
  const { bench, registry } = await openBench();
  const bytes = randomBlob(1000);
  const path = await bench.upload();
  const hanging = new AbortController();
  const stalled = (async function* () {
    yield bytes.subarray(0, 400);
    await once(hanging.signal, "abort");
  })();
  const first = request(`${registry.url}${path}`, { method: "PATCH", body: Readable.from(stalled) }).catch(() => "broken");
  await until("the first bytes to be there", 60, async () => (await bench.send("GET", path)).headers["range"] === "0-399");
  const second = await bench.send("PATCH", path, { headers: { "content-range": "400-999" }, body: bytes.subarray(400) });
  expect(second.status).toBe(202);
  hanging.abort();
  expect(await first).toBe("broken");
  const put = await bench.send("PUT", withQuery(path, { digest: sha256(bytes) }), { headers: { "content-length": "0" } });
  expect(put.status).toBe(201);
});

test("prune keeps everything that a repository holds, and pushes in flight", async () => {
  const { bench, registry } = await openBench();
  const { bytes } = await bench.image("kept");
  const lone = await bench.blob();
  const half = randomBlob(1000);
  const path = await bench.upload();
  await bench.send("PATCH", path, { body: half.subarray(0, 500) });
  await registry.store.prune(new Set());
  const manifest = JSON.parse(bytes.toString()) as { config: { digest: string }; layers: { digest: string }[] };
  for (const digest of [lone, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)])
    expect((await bench.get(`blobs/${digest}`)).status).toBe(200);
  await bench.send("PATCH", path, { body: half.subarray(500) });
  expect((await bench.send("PUT", withQuery(path, { digest: sha256(half) }), { headers: { "content-length": "0" } })).status).toBe(201);
});

test("prune frees what no repository holds any more", async () => {
  const { bench, registry } = await openBench();
  const bytes = randomBlob(100_000);
  const digest = await bench.blob(bytes);
  await bench.send("DELETE", `/v2/${bench.repository}/blobs/${digest}`);
  const { freedBytes } = await registry.store.prune(new Set());
  expect(freedBytes).toBeGreaterThanOrEqual(100_000);
});

test("pushes and prunes at once lose no blob", async () => {
  const { bench, registry } = await openBench();
  const ended = new AbortController();
  const pruning = (async () => {
    while (!ended.signal.aborted) await registry.store.prune(new Set());
  })();
  const tags = await Promise.all(
    Array.from({ length: 4 }, async (_, worker) => {
      for (let round = 0; round < 8; round += 1) await bench.image(`w${worker}-${round}`);
    }),
  );
  ended.abort();
  await pruning;
  expect(tags).toHaveLength(4);
  for (const tag of (await bench.get("tags/list")).json()["tags"] as string[]) {
    const manifest = JSON.parse((await bench.get(`manifests/${tag}`)).body.toString()) as { layers: { digest: string }[] };
    for (const { digest } of manifest.layers) expect((await bench.get(`blobs/${digest}`)).status).toBe(200);
  }
});

test("a blob whose file is gone is 404, not 500, and can be pushed again", async () => {
  const { bench, registry } = await openBench();
  const bytes = randomBlob();
  const digest = await bench.blob(bytes);
  await rm(join(registry.dataDir, "blobs/sha256", digest.slice(7)));
  expect((await bench.get(`blobs/${digest}`)).status).toBe(404);
  await bench.blob(bytes);
  expect((await bench.get(`blobs/${digest}`)).status).toBe(200);
});

test("uploads that nobody touched for a day are swept at the start", async () => {
  const { bench, registry, reopen } = await openBench();
  const path = await bench.upload();
  const folder = join(registry.dataDir, "registry/uploads");
  const yesterday = Date.now() / 1000 - 25 * 3600;
  for (const name of await readdir(folder)) await utimes(join(folder, name), yesterday, yesterday);
  const after = await reopen();
  await until("the upload to be gone", 60, async () => (await readdir(folder)).length === 0);
  expect((await after.send("GET", path)).status).toBe(404);
});

test("a second server on one data dir is refused", async () => {
  const { registry } = await openBench();
  const worker = fileURLToPath(new URL("../../support/registry-worker.mjs", import.meta.url));
  const child = spawn(process.execPath, [worker, ROOT, registry.dataDir], { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (text: Buffer) => (stderr += text));
  await once(child, "close");
  expect(stderr).toContain("is held by process");
});
