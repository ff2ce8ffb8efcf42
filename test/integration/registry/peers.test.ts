import { randomBytes } from "node:crypto";
import type { RequestListener } from "node:http";
import { expect, test } from "vitest";
import type { Image } from "../../../src/node/images/index.ts";
import type { PeerDirectory } from "../../../src/node/registry/index.ts";
import { MEDIA_TYPES } from "../../../src/shared/oci/index.ts";
import { imageManifest, randomLayer } from "../../support/hostile-registry.ts";
import { expectWhole, MIB, peerCluster, saying } from "../../support/peer-cluster.ts";
import { until } from "../../support/poll.ts";
import { sha512 } from "../../support/registry-server.ts";

/** So quick that a test need not wait, and still longer than a pause of a busy machine. */
const QUICK = { windowMs: 700, minimumBytes: 2_000, renewMs: 500 };

const cluster = peerCluster();

test("three nodes that begin the same cold image at once cost the registry one image", async () => {
  await cluster.openRegistry();
  const { reference, bytes } = await cluster.image("cold", 12 * MIB, 2 * MIB, 5 * MIB);
  const nodes = [await cluster.node(), await cluster.node(), await cluster.node()];
  const pulled = await Promise.all(nodes.map((one) => one.pull(reference)));
  for (const [index, one] of nodes.entries()) await expectWhole(one, pulled[index] as Image);
  expect(cluster.uplink).toBeGreaterThanOrEqual(bytes);
  expect(cluster.uplink).toBeLessThanOrEqual(1.1 * bytes);
  const sum = (from: "peer" | "registry") => nodes.reduce((total, one) => total + one.bytes[from], 0);
  expect(sum("registry")).toBeLessThanOrEqual(1.1 * bytes);
  expect(sum("peer")).toBeGreaterThanOrEqual(1.9 * bytes);
  expect(nodes.flatMap(({ senders }) => [...senders.values()])).toContainEqual(expect.stringMatching(/^peer node-\d+$/));
});

test("a node that comes later asks the registry for no blob, and several peers for the parts of a big one", async () => {
  await cluster.openRegistry(MIB);
  const { reference } = await cluster.image("later", 20 * MIB);
  const first = [await cluster.node(), await cluster.node()];
  for (const one of first) await one.pull(reference);
  const before = cluster.uplink;
  const late = await cluster.node();
  await expectWhole(late, await late.pull(reference));
  expect(cluster.uplink).toBe(before);
  expect(late.bytes.registry).toBe(0);
  expect([...late.senders.values()]).toEqual(["2 peers"]);
});

test("a peer that lies costs a retry, never a wrong byte, and is not asked again", async () => {
  await cluster.openRegistry(MIB);
  const { reference } = await cluster.image("lies", MIB, 1000);
  const lies: RequestListener[] = [
    ({ url = "" }, response) => {
      const size = cluster.registry.blobs.get(url.split("/").at(-1) ?? "")?.byteLength ?? 0;
      response.writeHead(200, { "content-length": size }).end(randomBytes(size));
    },
    (_incoming, response) => response.writeHead(200, { "content-length": 10 }).end("0123456789"),
    (_incoming, response) => response.writeHead(206, { "content-range": "bytes 5-9/10", "content-length": 5 }).end("01234"),
    (_incoming, response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
    (_incoming, response) => response.writeHead(500).end(),
    ({ socket }) => socket.destroy(),
  ];
  const joined = await cluster.node();
  for (const lie of lies) {
    const liar = await cluster.impostor(lie);
    const victim = await cluster.node({ limits: QUICK, directory: saying(liar.peer), as: joined });
    await expectWhole(victim, await victim.pull(reference));
    expect(liar.asked()).toBeGreaterThan(0);
    expect(victim.failures.length).toBeGreaterThan(0);
  }
  const [whole] = lies;
  const liar = await cluster.impostor(whole as RequestListener);
  const victim = await cluster.node({ limits: QUICK, directory: saying(liar.peer), as: joined });
  await victim.pull(reference);
  const asked = liar.asked();
  const again = await cluster.image("again", MIB);
  await expectWhole(victim, await victim.pull(again.reference));
  expect(liar.asked()).toBe(asked);
});

test("a peer that trickles or says nothing is left for the registry", async () => {
  await cluster.openRegistry(MIB);
  const { reference } = await cluster.image("slow", 2 * MIB);
  const sizeOf = (url = "") => cluster.registry.blobs.get(url.split("/").at(-1) ?? "")?.byteLength ?? 0;
  const trickle: RequestListener = ({ url }, response) => {
    response.writeHead(200, { "content-length": sizeOf(url), "berth-growing": "1" });
    const timer = setInterval(() => response.write("x"), 1_000);
    response.on("close", () => clearInterval(timer));
  };
  const silent: RequestListener = ({ url }, response) => response.writeHead(200, { "content-length": sizeOf(url) }).flushHeaders();
  for (const answer of [trickle, silent]) {
    const slow = await cluster.impostor(answer);
    const victim = await cluster.node({ limits: QUICK, directory: saying(slow.peer) });
    await expectWhole(victim, await victim.pull(reference));
    expect(victim.failures.join()).toContain("bytes in 700 ms");
  }
});

test("a node that says it fetches and gives nothing is waited for once", async () => {
  await cluster.openRegistry(MIB);
  const { reference } = await cluster.image("empty-promise", 1000, 2000, 3000);
  const idle = await cluster.impostor((_incoming, response) => response.writeHead(404).end());
  const directory = { ...saying(), claim: async () => ({ origin: false, holders: [], fetcher: idle.peer }) };
  const victim = await cluster.node({ limits: { ...QUICK, patienceMs: 1_500 }, directory });
  await expectWhole(victim, await victim.pull(reference));
  const asked = idle.asked();
  expect(asked).toBeGreaterThan(0);
  const next = await cluster.image("next", 1000);
  await expectWhole(victim, await victim.pull(next.reference));
  expect(idle.asked()).toBe(asked);
});

test("when the node that fetches is lost in the middle, the others end whole, and one of them goes on at the registry", async () => {
  await cluster.openRegistry(24 * 1024);
  const { reference, bytes } = await cluster.image("lost", 12 * MIB);
  const leader = await cluster.node();
  const others = [await cluster.node(), await cluster.node()];
  // It must not be done with it before the others have begun.
  cluster.uplinkLimit = 8 * MIB;
  const ended = leader.pull(reference).catch((error: Error) => error.message);
  await until("the first bytes", 60, () => cluster.uplink > MIB);
  const pulls = others.map((one) => one.pull(reference));
  await until("bytes from the peer", 60, () => others.every((one) => one.bytes.peer > MIB));
  await leader.kill();
  expect(await ended).toContain("the node is lost");
  cluster.uplinkLimit = Number.POSITIVE_INFINITY;
  for (const [index, one] of others.entries()) await expectWhole(one, (await pulls[index]) as Image);
  expect(others.filter((one) => one.bytes.registry > MIB)).toHaveLength(1);
  expect(cluster.uplink).toBeLessThanOrEqual(2 * bytes);
});

test("when a peer that has all of it is lost in the middle, the pull ends whole", async () => {
  await cluster.openRegistry(MIB);
  const { reference } = await cluster.image("holder", 24 * MIB);
  const holder = await cluster.node();
  await holder.pull(reference);
  const taker = await cluster.node();
  const pull = taker.pull(reference);
  await until("bytes from the peer", 60, () => taker.bytes.peer > MIB);
  await holder.kill();
  await expectWhole(taker, await pull);
});

test("blobs named by sha512 come from a peer, too", async () => {
  await cluster.openRegistry(MIB);
  const { registry } = cluster;
  const manifest = imageManifest(registry, [await randomLayer(MIB)], sha512);
  const reference = `${registry.host}/team/app@${registry.addManifest(manifest, MEDIA_TYPES.manifest, "long", sha512)}`;
  await (await cluster.node()).pull(reference);
  const late = await cluster.node();
  await expectWhole(late, await late.pull(reference));
  expect(late.bytes.registry).toBe(0);
});

test("without a control plane the registry is asked, as without peers", async () => {
  await cluster.openRegistry(MIB);
  const { reference } = await cluster.image("alone", MIB);
  const away: PeerDirectory = {
    claim: async () => Promise.reject(new Error("not reachable")),
    tell: async () => Promise.reject(new Error("no")),
  };
  const alone = await cluster.node({ directory: away });
  await expectWhole(alone, await alone.pull(reference));
  expect(alone.bytes.peer).toBe(0);
});

test("another node at the address of a peer is not taken for it", async () => {
  await cluster.openRegistry(MIB);
  const { reference } = await cluster.image("mixed", MIB);
  const real = await cluster.node();
  await real.pull(reference);
  const asked = cluster.uplink;
  const taker = await cluster.node({ directory: saying({ nodeId: "somebody-else", address: real.address }) });
  await expectWhole(taker, await taker.pull(reference));
  expect(cluster.uplink).toBeGreaterThan(asked);
  expect(taker.failures.join()).toContain("somebody-else");
});
