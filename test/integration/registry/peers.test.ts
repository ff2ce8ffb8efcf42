import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, expect, test } from "vitest";
import { createPeerCredential, createPeerFetcher, type PeerFetcher } from "../../../src/node/registry/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { openTestRegistry, randomBlob, sha256 } from "../../support/registry-server.ts";
import { addTinyImage } from "../../support/tiny-image.ts";

const KEY = "ab".repeat(32);
const credential = createPeerCredential(Buffer.from(KEY, "hex"), systemClock());
const signal = () => AbortSignal.timeout(20_000);
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function node() {
  const registry = await openTestRegistry({ peerKey: KEY });
  cleanups.push(registry.remove);
  return registry;
}

async function impostor(answer: RequestListener): Promise<{ url: string; asked(): number }> {
  let asked = 0;
  const server: Server = createServer((request, response) => {
    asked += 1;
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked };
}

async function fetcher(peers: string[]): Promise<{ fetcher: PeerFetcher; path: string; failures: string[] }> {
  const folder = await mkdtemp(join(tmpdir(), "berth-peers-"));
  const failures: string[] = [];
  const made = createPeerFetcher({
    peers: async () => peers,
    credential,
    clock: systemClock(),
    minimumBytes: 1000,
    paceMs: 300,
    onFailure: (_peer, why) => failures.push(why),
  });
  cleanups.push(() => rm(folder, { recursive: true }), made.close);
  return { fetcher: made, path: join(folder, "blob"), failures };
}

test("a node gives its peers any blob of its store, also of images that no repository has", async () => {
  const registry = await node();
  const image = await addTinyImage(registry.store);
  const [layer] = image.layers;
  const { fetcher: peers, path } = await fetcher([registry.url]);
  expect(await peers.fetch(layer?.digest ?? "", layer?.size ?? 0, path, signal())).toBe(true);
  expect(sha256(await readFile(path))).toBe(layer?.digest);
});

test("without the peers' credential nothing is given, and no other token will do", async () => {
  const registry = await node();
  const image = await addTinyImage(registry.store);
  const path = `${registry.url}/v2/_berth/blobs/${image.configDigest}`;
  expect((await fetch(path)).status).toBe(401);
  expect((await fetch(path, { headers: { authorization: "Bearer x" } })).status).toBe(401);
  const other = createPeerCredential(Buffer.alloc(32, 7), systemClock());
  expect((await fetch(path, { headers: { authorization: other.header() } })).status).toBe(401);
  expect((await fetch(path, { headers: { authorization: credential.header() }, method: "DELETE" })).status).toBe(405);
  expect((await fetch(path, { headers: { authorization: credential.header() } })).status).toBe(200);
});

test("a node without a peer key gives nobody anything", async () => {
  const registry = await openTestRegistry();
  cleanups.push(registry.remove);
  const image = await addTinyImage(registry.store);
  const answer = await fetch(`${registry.url}/v2/_berth/blobs/${image.configDigest}`, { headers: { authorization: credential.header() } });
  expect(answer.status).toBe(401);
});

test("a lying peer costs a retry and is left alone afterwards", async () => {
  const registry = await node();
  const bytes = randomBlob(50_000);
  const digest = sha256(bytes);
  await push(registry.url, bytes);
  const lies: RequestListener[] = [
    (_request, response) => response.end(randomBlob(50_000)),
    (_request, response) => response.end(bytes.subarray(0, 49_999)),
    (_request, response) => response.end(Buffer.concat([bytes, bytes])),
    (_request, response) => response.writeHead(200, { "content-length": "50000" }).write(bytes.subarray(0, 10), () => response.destroy()),
    (_request, response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
    (_request, response) => response.writeHead(500).end(),
  ];
  for (const lie of lies) {
    const liar = await impostor(lie);
    const { fetcher: peers, path, failures } = await fetcher([liar.url, registry.url]);
    expect(await peers.fetch(digest, bytes.byteLength, path, signal())).toBe(true);
    expect(
      createHash("sha256")
        .update(await readFile(path))
        .digest("hex"),
    ).toBe(digest.slice(7));
    expect(failures).toHaveLength(1);
    expect(await peers.fetch(digest, bytes.byteLength, path, signal())).toBe(true);
    expect(liar.asked()).toBe(1);
  }
});

test("a slow or silent peer is left for the next", async () => {
  const registry = await node();
  const bytes = randomBlob(50_000);
  await push(registry.url, bytes);
  const trickle: RequestListener = (_request, response) => {
    Readable.from(
      (async function* () {
        for (const byte of bytes) {
          yield Buffer.of(byte);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })(),
    ).pipe(response);
  };
  const slow = await impostor(trickle);
  const { fetcher: peers, path, failures } = await fetcher([slow.url, "http://127.0.0.1:1", registry.url]);
  expect(await peers.fetch(sha256(bytes), bytes.byteLength, path, signal())).toBe(true);
  expect(sha256(await readFile(path))).toBe(sha256(bytes));
  expect(failures).toHaveLength(2);
});

test("a blob that no peer has is left to the origin, and that is nobody's fault", async () => {
  const registry = await node();
  const { fetcher: peers, path, failures } = await fetcher([registry.url]);
  expect(await peers.fetch(sha256("nowhere"), 7, path, signal())).toBe(false);
  expect(failures).toEqual([]);
});

test("an aborted fetch ends with its reason", async () => {
  const silent = await impostor(() => undefined);
  const { fetcher: peers, path } = await fetcher([silent.url]);
  await expect(peers.fetch(sha256("x"), 1, path, AbortSignal.timeout(200))).rejects.toThrow();
});

async function push(url: string, bytes: Buffer): Promise<void> {
  const answer = await fetch(`${url}/v2/team/app/blobs/uploads/?digest=${sha256(bytes)}`, { method: "POST", body: new Uint8Array(bytes) });
  expect(answer.status).toBe(201);
}
