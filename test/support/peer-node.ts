import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createImageStore, type Image, type ImageStore } from "../../src/node/images/index.ts";
import { loadNative } from "../../src/node/platform/index.ts";
import { createPeerSources, type PeerDirectory, type PeerIdentity, type PeerLimits, servePeers } from "../../src/node/registry/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";
import { silentLogger } from "../../src/shared/observe/index.ts";
import { createRegistryClient, createTransport } from "../../src/shared/oci/index.ts";
import type { Member, SecureControlPlane } from "./secure-control-plane.ts";

/** A node of a cluster as far as images go: a store that asks peers first, and a server for them. */
export interface PeerNode {
  name: string;
  /** 127.0.0.1:PORT */
  address: string;
  member: Member;
  images: ImageStore;
  /** Bytes that came, by who sent them. */
  bytes: { peer: number; registry: number };
  failures: string[];
  /** Who sent, as progress told it, by layer. */
  senders: Map<string, string>;
  identity: PeerIdentity;
  pull(reference: string, signal?: AbortSignal): Promise<Image>;
  /** Ends its pulls and closes its server, as when the machine is lost. */
  kill(): Promise<void>;
  remove(): Promise<void>;
}

export interface PeerNodeOptions {
  limits?: Partial<PeerLimits>;
  /** Instead of what the control plane says. */
  directory?: PeerDirectory;
  /** Joined already: what a test looks at is not the joining. */
  as?: PeerNode;
}

/** Joins the cluster and begins to serve. */
export async function startPeerNode(plane: SecureControlPlane, name: string, options: PeerNodeOptions = {}): Promise<PeerNode> {
  const dataDir = await mkdtemp(join(tmpdir(), `berth-${name}-`));
  const member = options.as?.member ?? (await plane.member(name, await plane.token()));
  await member.membership.ensure(AbortSignal.timeout(120_000));
  const identity = member.certificates.current();
  if (identity === null) throw new Error("a node that joined over TLS has a certificate");
  const [native, clock, lost] = [loadNative(), systemClock(), new AbortController()];
  const bytes = { peer: 0, registry: 0 };
  const failures: string[] = [];
  const senders = new Map<string, string>();
  const { client } = member;
  const directory: PeerDirectory = options.directory ?? {
    claim: (digest, exhausted, signal) => client.claimBlob({ digest, exhausted, address: node.address }, signal),
    tell: (held, dropped, signal) => client.holdBlobs({ address: node.address, held: [...held], dropped: [...dropped] }, signal),
  };
  const sources = createPeerSources({
    ...{ directory, identity: () => identity, clock },
    onBytes: (from, count) => {
      bytes[from] += count;
    },
    onFailure: (peer, why) => failures.push(`${peer}: ${why}`),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  const images = await createImageStore({ dataDir, native, clock, wrapSource: sources.wrap });
  const listen = { host: "127.0.0.1", port: 0 };
  const server = await servePeers({ dataDir, listen, identity, images, native, clock, log: silentLogger() });
  const transport = createTransport({ env: {}, certificateFolders: [] });
  let dead = false;
  const kill = async () => {
    if (dead) return;
    dead = true;
    lost.abort(new Error("the node is lost"));
    await sources.close();
    await server.close();
  };
  const node: PeerNode = {
    ...{ name, address: `127.0.0.1:${server.port}`, member, images, bytes, failures, senders, identity, kill },
    pull(reference, signal = AbortSignal.timeout(120_000)) {
      const registry = reference.split("/")[0] as string;
      const access = { registry, config: {}, transport, clock, credentialFor: async () => null };
      const progress = ({ detail, from }: { detail?: string; from?: string }) => {
        if (detail !== undefined && from !== undefined) senders.set(detail, from);
      };
      return images.pull(
        { reference, platform: null, client: createRegistryClient(access) },
        progress,
        AbortSignal.any([signal, lost.signal]),
      );
    },
    async remove() {
      await kill();
      await transport.close();
      await images.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return node;
}
