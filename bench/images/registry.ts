import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Pool } from "undici";
import { startDockerRegistry } from "../../test/support/docker-registry.ts";
import { sha256 } from "../../test/support/registry-server.ts";
import { interleaved, row, type Samples } from "../measure.ts";
import { report } from "../report.ts";

// Our registry beside docker-registry: the same client, the same content, in turn. Each server is a process of its own.

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 7);
const CLIENTS = 8;
const LAYERS = 8;
const LAYER_BYTES = 32 * 1024 * 1024;
const GETS = 4_000;
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

type Measured = Record<string, Samples>;

interface Served {
  pool: Pool;
  stop(): Promise<void>;
}

const config = Buffer.from('{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}');

/** Blobs, manifests and HEAD requests of ours and of docker-registry. */
export async function measureRegistry(): Promise<void> {
  const layers = Array.from({ length: LAYERS }, () => randomBytes(LAYER_BYTES));
  const digests = layers.map(sha256);
  const servers: Record<string, Served> = { berth: await serveOurs(), "docker-registry": await serveDockers() };
  const contenders = (work: (pool: Pool) => Promise<void>): Record<string, () => Promise<void>> =>
    Object.fromEntries(Object.entries(servers).map(([name, { pool }]) => [name, () => work(pool)]));
  try {
    for (const { pool } of Object.values(servers)) await fill(pool, layers);
    const pulls = await interleaved(
      ROUNDS,
      contenders((pool) => pullAll(pool, digests)),
    );
    const gets = await interleaved(ROUNDS, contenders(getManifests));
    const heads = await interleaved(
      ROUNDS,
      contenders((pool) => headBlobs(pool, digests)),
    );
    publish(pulls, gets, heads);
  } finally {
    for (const server of Object.values(servers)) await server.stop();
  }
}

function publish(pulls: Measured, gets: Measured, heads: Measured): void {
  const peer = (samples: Measured, per: number) => ({
    name: "docker-registry",
    value: (samples["docker-registry"]?.median ?? Number.NaN) / per,
  });
  const ours = (samples: Measured, per: number) => (samples["berth"]?.median ?? Number.NaN) / per;
  const mebibytes = (LAYERS * LAYER_BYTES) / 2 ** 20;
  const rate = (value: number, per: number) => Math.round((per / value) * 1000);
  report(
    "registry",
    [
      row("registry-pull", ours(pulls, 1), peer(pulls, 1), "ms", ROUNDS),
      row("registry-manifest-get", ours(gets, GETS / 1000), peer(gets, GETS / 1000), "us", ROUNDS),
      row("registry-blob-head", ours(heads, GETS / 1000), peer(heads, GETS / 1000), "us", ROUNDS),
    ],
    [
      `registry-pull: ${LAYERS} blobs of ${LAYER_BYTES / 2 ** 20} MiB by ${CLIENTS} connections at once, page cache warm: ${rate(ours(pulls, 1), mebibytes)} MiB/s, docker-registry ${rate(peer(pulls, 1).value, mebibytes)} MiB/s.`,
      `registry-manifest-get and registry-blob-head: time per request of ${GETS} by ${CLIENTS * 2} connections: ${rate(ours(gets, 1), GETS)} and ${rate(ours(heads, 1), GETS)} requests/s, docker-registry ${rate(peer(gets, 1).value, GETS)} and ${rate(peer(heads, 1).value, GETS)}.`,
      "The client (undici) shares the machine's cores with the server, alike for both.",
    ],
  );
}

async function serveOurs(): Promise<Served> {
  const dataDir = await mkdtemp(join(tmpdir(), "bench-registry-"));
  const worker = join(ROOT, "test/support/registry-worker.mjs");
  const child: ChildProcess = spawn(process.execPath, [worker, ROOT, dataDir], { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  const pool = new Pool(`http://127.0.0.1:${String(port).trim()}`, { connections: CLIENTS * 2 });
  return {
    pool,
    async stop() {
      await pool.destroy();
      child.kill("SIGKILL");
      await once(child, "exit");
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function serveDockers(): Promise<Served> {
  const registry = await startDockerRegistry();
  const pool = new Pool(`http://${registry.host}`, { connections: CLIENTS * 2 });
  return {
    pool,
    async stop() {
      await pool.destroy();
      await registry.stop();
    },
  };
}

async function fill(pool: Pool, layers: readonly Buffer[]): Promise<void> {
  for (const blob of [...layers, config]) {
    const start = await pool.request({ method: "POST", path: "/v2/bench/app/blobs/uploads/" });
    await start.body.dump();
    const url = new URL(String(start.headers["location"]), "http://registry");
    url.searchParams.set("digest", sha256(blob));
    await expectStatus(
      pool,
      { method: "PUT", path: `${url.pathname}${url.search}`, body: blob, headers: { "content-type": "application/octet-stream" } },
      201,
    );
  }
  const described = layers.map((bytes) => ({
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    digest: sha256(bytes),
    size: bytes.byteLength,
  }));
  const configuration = { mediaType: "application/vnd.oci.image.config.v1+json", digest: sha256(config), size: config.byteLength };
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config: configuration, layers: described });
  await expectStatus(
    pool,
    { method: "PUT", path: "/v2/bench/app/manifests/one", body: manifest, headers: { "content-type": MANIFEST } },
    201,
  );
}

async function expectStatus(pool: Pool, options: Parameters<Pool["request"]>[0], status: number): Promise<void> {
  const answer = await pool.request(options);
  if (answer.statusCode !== status) throw new Error(`${options.method} ${options.path}: ${answer.statusCode} ${await answer.body.text()}`);
  await answer.body.dump();
}

async function pullAll(pool: Pool, digests: readonly string[]): Promise<void> {
  await Promise.all(
    digests.map(async (digest) => {
      const { body } = await pool.request({ method: "GET", path: `/v2/bench/app/blobs/${digest}` });
      let size = 0;
      for await (const chunk of body) size += (chunk as Buffer).byteLength;
      if (size !== LAYER_BYTES) throw new Error(`${digest}: ${size} bytes`);
    }),
  );
}

function getManifests(pool: Pool): Promise<void> {
  return many(() => expectStatus(pool, { method: "GET", path: "/v2/bench/app/manifests/one", headers: { accept: MANIFEST } }, 200));
}

function headBlobs(pool: Pool, digests: readonly string[]): Promise<void> {
  return many(() => expectStatus(pool, { method: "HEAD", path: `/v2/bench/app/blobs/${digests[0]}` }, 200));
}

async function many(work: () => Promise<void>): Promise<void> {
  let left = GETS;
  const client = async () => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: CLIENTS * 2 }, client));
}
