import type { RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { Image } from "../../src/node/images/index.ts";
import type { PeerDirectory } from "../../src/node/registry/index.ts";
import { type HostileRegistry, randomLayer, startHostileRegistry } from "./hostile-registry.ts";
import { type PeerNode, type PeerNodeOptions, startPeerNode } from "./peer-node.ts";
import { type SecureControlPlane, startSecureControlPlane } from "./secure-control-plane.ts";

export const MIB = 1 << 20;

/** A control plane for the file; a registry and nodes for each test. */
export interface PeerCluster {
  plane: SecureControlPlane;
  registry: HostileRegistry;
  /** Bytes of blobs that the registry sent. */
  uplink: number;
  /** The registry sends no more than so many until this is raised. */
  uplinkLimit: number;
  /** Called after the test, last first. */
  readonly cleanups: (() => Promise<unknown>)[];
  /** A registry that sends each blob at so many bytes in 5 ms. */
  openRegistry(bytesPerTick?: number): Promise<void>;
  node(options?: PeerNodeOptions): Promise<PeerNode>;
  /** Puts an image of random layers into the registry; `bytes` is what all blobs there weigh. */
  image(tag: string, ...sizes: number[]): Promise<{ reference: string; bytes: number }>;
  /** A peer with a real certificate that does as it likes. */
  impostor(answer: RequestListener): Promise<Impostor>;
}

export interface Impostor {
  peer: { nodeId: string; address: string };
  asked(): number;
}

/** Registers the hooks that make and remove it. */
export function peerCluster(): PeerCluster {
  let names = 0;
  const cluster: PeerCluster = {
    ...({} as Pick<PeerCluster, "plane" | "registry">),
    uplink: 0,
    uplinkLimit: Number.POSITIVE_INFINITY,
    cleanups: [],
    async openRegistry(bytesPerTick = 128 * 1024) {
      const registry = await startHostileRegistry();
      cluster.registry = registry;
      cluster.cleanups.push(() => registry.stop());
      cluster.uplink = 0;
      cluster.uplinkLimit = Number.POSITIVE_INFINITY;
      sendSlowly(cluster, bytesPerTick);
    },
    async node(options) {
      names += 1;
      const started = await startPeerNode(cluster.plane, `node-${names}`, options);
      cluster.cleanups.push(started.remove);
      return started;
    },
    async image(tag, ...sizes) {
      const { registry } = cluster;
      registry.addImage(tag, await Promise.all(sizes.map((size, index) => randomLayer(size, `file-${index}`))));
      const bytes = [...registry.blobs.values()].reduce((sum, blob) => sum + blob.byteLength, 0);
      return { reference: `${registry.host}/team/app:${tag}`, bytes };
    },
    impostor(answer) {
      names += 1;
      return startImpostor(cluster, `impostor-${names}`, answer);
    },
  };
  beforeAll(async () => {
    cluster.plane = await startSecureControlPlane();
  });
  afterAll(() => cluster.plane?.dispose());
  afterEach(async () => {
    for (const cleanup of cluster.cleanups.splice(0).reverse()) await cleanup();
  });
  return cluster;
}

function sendSlowly(cluster: PeerCluster, bytesPerTick: number): void {
  const { registry } = cluster;
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
      if (cluster.uplink >= cluster.uplinkLimit) return;
      const next = blob.subarray(position, Math.min(to, position + bytesPerTick));
      position += next.byteLength;
      cluster.uplink += next.byteLength;
      response.write(next);
      if (position < to) return;
      clearInterval(timer);
      response.end();
    }, 5);
    response.on("close", () => clearInterval(timer));
    return true;
  };
}

async function startImpostor({ plane, cleanups }: PeerCluster, nodeId: string, answer: RequestListener): Promise<Impostor> {
  const member = await plane.member(nodeId, await plane.token());
  await member.membership.ensure(AbortSignal.timeout(120_000));
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
  return { peer: { nodeId, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }, asked: () => asked };
}

/** Every blob is there with the bytes of its digest. */
export async function expectWhole({ images }: PeerNode, pulled: Image): Promise<void> {
  expect(await images.has([pulled.digest, pulled.configDigest, ...pulled.layers.map(({ digest }) => digest)])).toBe(true);
  expect(await images.quarantine(pulled, AbortSignal.timeout(120_000))).toEqual([]);
}

/** Says that these have everything; when they could not give it, the registry is left. */
export function saying(...holders: { nodeId: string; address: string }[]): PeerDirectory {
  return { claim: async (_digest, exhausted) => ({ origin: exhausted, holders, fetcher: null }), tell: async () => undefined };
}
