import { randomBytes } from "node:crypto";
import type { RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect } from "node:tls";
import { Agent, request } from "undici";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createClusterCa } from "../../../src/control/api/index.ts";
import type { Image } from "../../../src/node/images/index.ts";
import { type PeerDirectory, type PeerIdentity, servePeers } from "../../../src/node/registry/index.ts";
import { makeKey, makeRequest, nodeHost } from "../../../src/shared/certificates/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";
import { MEDIA_TYPES } from "../../../src/shared/oci/index.ts";
import { type HostileRegistry, imageManifest, randomLayer, startHostileRegistry } from "../../support/hostile-registry.ts";
import { type PeerNode, type PeerNodeOptions, startPeerNode } from "../../support/peer-node.ts";
import { until } from "../../support/poll.ts";
import { sha512 } from "../../support/registry-server.ts";
import { type SecureControlPlane, startSecureControlPlane } from "../../support/secure-control-plane.ts";

const MIB = 1 << 20;
/** So quick that a test need not wait, and still longer than a pause of a busy machine. */
const QUICK = { windowMs: 700, minimumBytes: 2_000, renewMs: 500 };

let plane: SecureControlPlane;
let registry: HostileRegistry;
/** Bytes of blobs that the registry sent. */
let uplink: number;
let names = 0;
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  plane = await startSecureControlPlane();
});
afterAll(() => plane?.dispose());
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function openRegistry(bytesPerTick = 128 * 1024): Promise<HostileRegistry> {
  registry = await startHostileRegistry();
  cleanups.push(() => registry.stop());
  uplink = 0;
  const sent = (bytes: number) => {
    uplink += bytes;
  };
  registry.misbehave = (incoming, response, path) => {
    const blob = registry.blobs.get(path.split("/blobs/")[1] ?? "");
    if (blob === undefined) return false;
    const [, first = "0", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(incoming.headers.range ?? "") ?? [];
    const [from, to] = [Number(first), last === "" ? blob.byteLength : Number(last) + 1];
    const whole = incoming.headers.range === undefined;
    const headers = { "content-length": to - from, ...(whole ? {} : { "content-range": `bytes ${from}-${to - 1}/${blob.byteLength}` }) };
    response.writeHead(whole ? 200 : 206, headers);
    let position = from;
    const timer = setInterval(() => {
      const next = blob.subarray(position, Math.min(to, position + bytesPerTick));
      position += next.byteLength;
      sent(next.byteLength);
      response.write(next);
      if (position < to) return;
      clearInterval(timer);
      response.end();
    }, 5);
    response.on("close", () => clearInterval(timer));
    return true;
  };
  return registry;
}

async function node(options?: PeerNodeOptions): Promise<PeerNode> {
  names += 1;
  const started = await startPeerNode(plane, `node-${names}`, options);
  cleanups.push(started.remove);
  return started;
}

async function image(tag: string, ...sizes: number[]): Promise<{ reference: string; bytes: number }> {
  const layers = await Promise.all(sizes.map((size, index) => randomLayer(size, `file-${index}`)));
  registry.addImage(tag, layers);
  const bytes = [...registry.blobs.values()].reduce((sum, blob) => sum + blob.byteLength, 0);
  return { reference: `${registry.host}/team/app:${tag}`, bytes };
}

/** Every blob is there with the bytes of its digest. */
async function expectWhole({ images }: PeerNode, pulled: Image): Promise<void> {
  expect(await images.has([pulled.digest, pulled.configDigest, ...pulled.layers.map(({ digest }) => digest)])).toBe(true);
  expect(await images.quarantine(pulled, AbortSignal.timeout(20_000))).toEqual([]);
}

/** A peer with a real certificate that does as it likes. */
async function impostor(answer: RequestListener): Promise<{ peer: { nodeId: string; address: string }; asked(): number }> {
  names += 1;
  const member = await plane.member(`impostor-${names}`, await plane.token());
  await member.membership.ensure(AbortSignal.timeout(20_000));
  const { certificate = "", key = "" } = member.certificates.current() ?? {};
  let asked = 0;
  const server = createTlsServer({ cert: certificate, key }, (incoming, response) => {
    asked += 1;
    response.on("error", () => undefined);
    answer(incoming, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { peer: { nodeId: `impostor-${names}`, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }, asked: () => asked };
}

/** Says that these have everything; when they could not give it, the registry is left. */
function saying(...holders: { nodeId: string; address: string }[]): PeerDirectory {
  return { claim: async (_digest, exhausted) => ({ origin: exhausted, holders, fetcher: null }), tell: async () => undefined };
}

test("three nodes that begin the same cold image at once cost the registry one image", async () => {
  await openRegistry();
  const { reference, bytes } = await image("cold", 12 * MIB, 2 * MIB, 5 * MIB);
  const nodes = [await node(), await node(), await node()];
  const pulled = await Promise.all(nodes.map((one) => one.pull(reference)));
  for (const [index, one] of nodes.entries()) await expectWhole(one, pulled[index] as Image);
  expect(uplink).toBeGreaterThanOrEqual(bytes);
  expect(uplink).toBeLessThanOrEqual(1.1 * bytes);
  const sum = (from: "peer" | "registry") => nodes.reduce((total, one) => total + one.bytes[from], 0);
  expect(sum("registry")).toBeLessThanOrEqual(1.1 * bytes);
  expect(sum("peer")).toBeGreaterThanOrEqual(1.9 * bytes);
  expect(nodes.flatMap(({ senders }) => [...senders.values()])).toContainEqual(expect.stringMatching(/^peer node-\d+$/));
});

test("a node that comes later asks the registry for no blob, and several peers for the parts of a big one", async () => {
  await openRegistry(MIB);
  const { reference } = await image("later", 20 * MIB);
  const first = [await node(), await node()];
  for (const one of first) await one.pull(reference);
  const before = uplink;
  const late = await node();
  await expectWhole(late, await late.pull(reference));
  expect(uplink).toBe(before);
  expect(late.bytes.registry).toBe(0);
  expect([...late.senders.values()]).toEqual(["2 peers"]);
});

test("a peer that lies costs a retry, never a wrong byte, and is not asked again", async () => {
  await openRegistry(MIB);
  const { reference } = await image("lies", MIB, 1000);
  const lies: RequestListener[] = [
    ({ url = "" }, response) => {
      const size = registry.blobs.get(url.split("/").at(-1) ?? "")?.byteLength ?? 0;
      response.writeHead(200, { "content-length": size }).end(randomBytes(size));
    },
    (_incoming, response) => response.writeHead(200, { "content-length": 10 }).end("0123456789"),
    (_incoming, response) => response.writeHead(206, { "content-range": "bytes 5-9/10", "content-length": 5 }).end("01234"),
    (_incoming, response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
    (_incoming, response) => response.writeHead(500).end(),
    ({ socket }) => socket.destroy(),
  ];
  const joined = await node();
  for (const lie of lies) {
    const liar = await impostor(lie);
    const victim = await node({ limits: QUICK, directory: saying(liar.peer), as: joined });
    await expectWhole(victim, await victim.pull(reference));
    expect(liar.asked()).toBeGreaterThan(0);
    expect(victim.failures.length).toBeGreaterThan(0);
  }
  const [whole] = lies;
  const liar = await impostor(whole as RequestListener);
  const victim = await node({ limits: QUICK, directory: saying(liar.peer), as: joined });
  await victim.pull(reference);
  const asked = liar.asked();
  const again = await image("again", MIB);
  await expectWhole(victim, await victim.pull(again.reference));
  expect(liar.asked()).toBe(asked);
});

test("a peer that trickles or says nothing is left for the registry", async () => {
  await openRegistry(MIB);
  const { reference } = await image("slow", 2 * MIB);
  const sizeOf = (url = "") => registry.blobs.get(url.split("/").at(-1) ?? "")?.byteLength ?? 0;
  const trickle: RequestListener = ({ url }, response) => {
    response.writeHead(200, { "content-length": sizeOf(url), "berth-growing": "1" });
    const timer = setInterval(() => response.write("x"), 1_000);
    response.on("close", () => clearInterval(timer));
  };
  const silent: RequestListener = ({ url }, response) => response.writeHead(200, { "content-length": sizeOf(url) }).flushHeaders();
  for (const answer of [trickle, silent]) {
    const slow = await impostor(answer);
    const victim = await node({ limits: QUICK, directory: saying(slow.peer) });
    await expectWhole(victim, await victim.pull(reference));
    expect(victim.failures.join()).toContain("bytes in 700 ms");
  }
});

test("a node that says it fetches and gives nothing is waited for once", async () => {
  await openRegistry(MIB);
  const { reference } = await image("empty-promise", 1000, 2000, 3000);
  const idle = await impostor((_incoming, response) => response.writeHead(404).end());
  const directory = { ...saying(), claim: async () => ({ origin: false, holders: [], fetcher: idle.peer }) };
  const victim = await node({ limits: { ...QUICK, patienceMs: 1_500 }, directory });
  await expectWhole(victim, await victim.pull(reference));
  const asked = idle.asked();
  expect(asked).toBeGreaterThan(0);
  const next = await image("next", 1000);
  await expectWhole(victim, await victim.pull(next.reference));
  expect(idle.asked()).toBe(asked);
});

test("when the node that fetches is lost in the middle, the others end whole, and one of them goes on at the registry", async () => {
  await openRegistry(24 * 1024);
  const { reference, bytes } = await image("lost", 12 * MIB);
  const leader = await node();
  const ended = leader.pull(reference).catch((error: Error) => error.message);
  await until("the first bytes", 20, () => uplink > MIB);
  const others = [await node(), await node()];
  const pulls = others.map((one) => one.pull(reference));
  await until("bytes from the peer", 20, () => others.every((one) => one.bytes.peer > MIB));
  await leader.kill();
  expect(await ended).toContain("the node is lost");
  for (const [index, one] of others.entries()) await expectWhole(one, (await pulls[index]) as Image);
  expect(others.filter((one) => one.bytes.registry > MIB)).toHaveLength(1);
  expect(uplink).toBeLessThanOrEqual(2 * bytes);
});

test("when a peer that has all of it is lost in the middle, the pull ends whole", async () => {
  await openRegistry(MIB);
  const { reference } = await image("holder", 24 * MIB);
  const holder = await node();
  await holder.pull(reference);
  const taker = await node();
  const pull = taker.pull(reference);
  await until("bytes from the peer", 20, () => taker.bytes.peer > MIB);
  await holder.kill();
  await expectWhole(taker, await pull);
});

test("blobs named by sha512 come from a peer, too", async () => {
  await openRegistry(MIB);
  const manifest = imageManifest(registry, [await randomLayer(MIB)], sha512);
  const reference = `${registry.host}/team/app@${registry.addManifest(manifest, MEDIA_TYPES.manifest, "long", sha512)}`;
  await (await node()).pull(reference);
  const late = await node();
  await expectWhole(late, await late.pull(reference));
  expect(late.bytes.registry).toBe(0);
});

test("without a control plane the registry is asked, as without peers", async () => {
  await openRegistry(MIB);
  const { reference } = await image("alone", MIB);
  const away: PeerDirectory = {
    claim: async () => Promise.reject(new Error("not reachable")),
    tell: async () => Promise.reject(new Error("no")),
  };
  const alone = await node({ directory: away });
  await expectWhole(alone, await alone.pull(reference));
  expect(alone.bytes.peer).toBe(0);
});

test("blobs are given to nodes of the cluster alone, by digest alone", async () => {
  await openRegistry(MIB);
  const { reference } = await image("closed", MIB);
  const giver = await node();
  const pulled = await giver.pull(reference);
  const digest = pulled.layers[0]?.digest ?? "";
  const ask = async (shown: Partial<PeerIdentity>, path = `/v1/blobs/${digest}`, method: "GET" | "PUT" | "DELETE" = "GET") => {
    const tls = {
      ca: giver.identity.ca,
      servername: nodeHost(giver.name),
      ...(shown.certificate ? { cert: shown.certificate, key: shown.key } : {}),
    };
    const dispatcher = new Agent({ connect: tls });
    try {
      const answer = await request(`https://${giver.address}${path}`, { dispatcher, method });
      await answer.body.dump();
      return answer.statusCode;
    } catch (error) {
      return (error as Error & { code?: string }).code ?? "broken";
    } finally {
      await dispatcher.destroy();
    }
  };
  const other = await node();
  expect(await ask(other.identity)).toBe(200);
  expect(await ask(other.identity, `/v1/blobs/sha256:${"0".repeat(64)}`)).toBe(404);
  expect(await ask(other.identity, "/v1/blobs/..%2f..%2fagent%2fidentity.json")).toBe(400);
  expect(await ask(other.identity, "/v1/blobs/sha512:00")).toBe(400);
  expect(await ask(other.identity, "/v2/")).toBe(404);
  for (const method of ["PUT", "DELETE"] as const) expect(await ask(other.identity, `/v1/blobs/${digest}`, method)).toBe(404);
  expect(await ask({})).toMatch(/ERR_SSL|ECONNRESET|UND_ERR_SOCKET/);
  const scratch = `${plane.dataDir}/scratch`;
  const foreign = createClusterCa({ folder: `${plane.dataDir}/foreign`, files: null, clock: systemClock() });
  const key = makeKey();
  const forged = await foreign.issueNode(other.name, await makeRequest(key, scratch));
  expect(await ask({ certificate: forged, key })).toMatch(/ERR_SSL|ECONNRESET|UND_ERR_SOCKET/);
  const own = createClusterCa({ folder: `${plane.dataDir}/control`, files: null, clock: systemClock() });
  const server = await own.issueServer([nodeHost(other.name)]);
  expect(await ask({ certificate: server.chain, key: server.key })).toMatch(/ERR_SSL|ECONNRESET|UND_ERR_SOCKET/);
});

test("another node at the address of a peer is not taken for it", async () => {
  await openRegistry(MIB);
  const { reference } = await image("mixed", MIB);
  const real = await node();
  await real.pull(reference);
  const asked = uplink;
  const taker = await node({ directory: saying({ nodeId: "somebody-else", address: real.address }) });
  await expectWhole(taker, await taker.pull(reference));
  expect(uplink).toBeGreaterThan(asked);
  expect(taker.failures.join()).toContain("somebody-else");
});

test("a node gives only so many transfers at a time, and the rest are told to come again", async () => {
  await openRegistry(MIB);
  const { reference } = await image("busy", 4 * MIB);
  const giver = await node();
  const pulled = await giver.pull(reference);
  const { images, identity } = giver;
  const { dataDir } = giver.member;
  const limited = await servePeers({
    ...{ dataDir, listen: { host: "127.0.0.1", port: 0 }, identity, native: { tryLock: () => true }, clock: systemClock() },
    ...{ images: { inFlight: () => ({ size: 10, contiguous: () => 0, bytes: () => neverEnding() }) }, mostTransfers: 1 },
    log: silentLogger(),
  });
  cleanups.push(() => limited.close());
  const dispatcher = new Agent({
    connect: { ca: identity.ca, cert: identity.certificate, key: identity.key, servername: nodeHost(giver.name) },
    connections: 2,
    pipelining: 1,
  });
  cleanups.push(() => dispatcher.destroy());
  const url = `https://127.0.0.1:${limited.port}/v1/blobs/${pulled.layers[0]?.digest}`;
  const first = await request(url, { dispatcher });
  first.body.on("error", () => undefined);
  expect(first.statusCode).toBe(206);
  expect((await request(url, { dispatcher })).statusCode).toBe(503);
  expect(images.inFlight(pulled.layers[0]?.digest ?? "")).toBeNull();
});

test("after its certificate was renewed a node shows the new one", async () => {
  const giver = await node();
  const { images, identity, member } = giver;
  const server = await servePeers({
    ...{ dataDir: member.dataDir, listen: { host: "127.0.0.1", port: 0 }, identity, images, native: { tryLock: () => true } },
    ...{ clock: systemClock(), log: silentLogger() },
  });
  cleanups.push(() => server.close());
  const shown = () =>
    new Promise<string>((resolve, reject) => {
      const tls = { ca: identity.ca, cert: identity.certificate, key: identity.key, servername: nodeHost(giver.name) };
      const socket = connect({ ...tls, host: "127.0.0.1", port: server.port }, () => {
        resolve(socket.getPeerX509Certificate()?.serialNumber ?? "");
        socket.destroy();
      });
      socket.on("error", reject);
    });
  const before = await shown();
  const key = makeKey();
  const renewed = await member.client.certify(await makeRequest(key, `${plane.dataDir}/scratch`), AbortSignal.timeout(20_000));
  server.useIdentity({ certificate: renewed.certificate, key, ca: renewed.ca });
  expect(await shown()).not.toBe(before);
});

async function* neverEnding(): AsyncGenerator<Buffer> {
  yield Buffer.from("x");
  await new Promise(() => undefined);
}
