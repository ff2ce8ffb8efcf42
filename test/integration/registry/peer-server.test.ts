import { connect } from "node:tls";
import { Agent, request } from "undici";
import { expect, test } from "vitest";
import { createClusterCa } from "../../../src/control/api/index.ts";
import { type PeerIdentity, servePeers } from "../../../src/node/registry/index.ts";
import { makeKey, makeRequest, nodeHost } from "../../../src/shared/certificates/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";
import { MIB, peerCluster } from "../../support/peer-cluster.ts";

const cluster = peerCluster();

test("blobs are given to nodes of the cluster alone, by digest alone", async () => {
  await cluster.openRegistry(MIB);
  const { reference } = await cluster.image("closed", MIB);
  const giver = await cluster.node();
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
  const other = await cluster.node();
  expect(await ask(other.identity)).toBe(200);
  expect(await ask(other.identity, `/v1/blobs/sha256:${"0".repeat(64)}`)).toBe(404);
  expect(await ask(other.identity, "/v1/blobs/..%2f..%2fagent%2fidentity.json")).toBe(400);
  expect(await ask(other.identity, "/v1/blobs/sha512:00")).toBe(400);
  expect(await ask(other.identity, "/v2/")).toBe(404);
  for (const method of ["PUT", "DELETE"] as const) expect(await ask(other.identity, `/v1/blobs/${digest}`, method)).toBe(404);
  expect(await ask({})).toMatch(/ERR_SSL|ECONNRESET|UND_ERR_SOCKET/);
  const scratch = `${cluster.plane.dataDir}/scratch`;
  const foreign = createClusterCa({ folder: `${cluster.plane.dataDir}/foreign`, files: null, clock: systemClock() });
  const key = makeKey();
  const forged = await foreign.issueNode(other.name, await makeRequest(key, scratch));
  expect(await ask({ certificate: forged, key })).toMatch(/ERR_SSL|ECONNRESET|UND_ERR_SOCKET/);
  const own = createClusterCa({ folder: `${cluster.plane.dataDir}/control`, files: null, clock: systemClock() });
  const server = await own.issueServer([nodeHost(other.name)]);
  expect(await ask({ certificate: server.chain, key: server.key })).toMatch(/ERR_SSL|ECONNRESET|UND_ERR_SOCKET/);
});

test("a node gives only so many transfers at a time, and the rest are told to come again", async () => {
  await cluster.openRegistry(MIB);
  const { reference } = await cluster.image("busy", 4 * MIB);
  const giver = await cluster.node();
  const pulled = await giver.pull(reference);
  const { images, identity } = giver;
  const { dataDir } = giver.member;
  const limited = await servePeers({
    ...{ dataDir, listen: { host: "127.0.0.1", port: 0 }, identity, native: { tryLock: () => true }, clock: systemClock() },
    ...{ images: { inFlight: () => ({ size: 10, contiguous: () => 0, bytes: () => neverEnding() }) }, mostTransfers: 1 },
    log: silentLogger(),
  });
  cluster.cleanups.push(() => limited.close());
  const dispatcher = new Agent({
    connect: { ca: identity.ca, cert: identity.certificate, key: identity.key, servername: nodeHost(giver.name) },
    connections: 2,
    pipelining: 1,
  });
  cluster.cleanups.push(() => dispatcher.destroy());
  const url = `https://127.0.0.1:${limited.port}/v1/blobs/${pulled.layers[0]?.digest}`;
  const first = await request(url, { dispatcher });
  first.body.on("error", () => undefined);
  expect(first.statusCode).toBe(206);
  expect((await request(url, { dispatcher })).statusCode).toBe(503);
  expect(images.inFlight(pulled.layers[0]?.digest ?? "")).toBeNull();
});

test("after its certificate was renewed a node shows the new one", async () => {
  const giver = await cluster.node();
  const { images, identity, member } = giver;
  const server = await servePeers({
    ...{ dataDir: member.dataDir, listen: { host: "127.0.0.1", port: 0 }, identity, images, native: { tryLock: () => true } },
    ...{ clock: systemClock(), log: silentLogger() },
  });
  cluster.cleanups.push(() => server.close());
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
  const renewed = await member.client.certify(await makeRequest(key, `${cluster.plane.dataDir}/scratch`), AbortSignal.timeout(120_000));
  server.useIdentity({ certificate: renewed.certificate, key, ca: renewed.ca });
  expect(await shown()).not.toBe(before);
});

async function* neverEnding(): AsyncGenerator<Buffer> {
  yield Buffer.from("x");
  await new Promise(() => undefined);
}
