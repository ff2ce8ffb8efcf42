import { BerthError } from "../../shared/domain/index.ts";
import type { ImageStore } from "../images/index.ts";
import { createPeerSources, type PeerIdentity, type PeerSources, servePeers } from "../registry/index.ts";
import { parseListen } from "./agent-options.ts";
import type { MembershipParts } from "./compose-membership.ts";
import type { Ground } from "./ground.ts";
import type { NodeCertificate } from "./node-certificate.ts";
import { keepTelling } from "./tell-held-blobs.ts";

/** This node among its peers: it takes blobs from them, and gives them its own. */
export interface PeerParts {
  sources: PeerSources;
  /** Bytes of image blobs that came, by who sent them. */
  bytes(): { peer: number; registry: number };
  /** Begins to serve; the node has joined and has its certificate. */
  serve(images: ImageStore): Promise<{ close(): Promise<void> }>;
}

/** Null where nobody asked for it. `address` is where other nodes reach this one. */
export function composePeers(ground: Ground, { client, certificates }: MembershipParts, address: string): PeerParts | null {
  const { options, clock, log, native } = ground;
  if (!options.peerListen) return null;
  const listen = parseListen(options.peerListen);
  const bytes = { peer: 0, registry: 0 };
  // Known when the server listens: before that this node is nobody's peer, and asks the registry alone.
  let own: string | null = null;
  const sources = createPeerSources({
    directory: {
      claim: (digest, exhausted, signal) => client.claimBlob({ digest, exhausted, address: addressOf(own) }, signal),
      tell: (held, dropped, signal) => client.holdBlobs({ address: addressOf(own), held: [...held], dropped: [...dropped] }, signal),
    },
    identity: () => (own === null ? null : identityOf(certificates.current())),
    clock,
    onBytes: (from, count) => {
      bytes[from] += count;
    },
    onFailure: (peer, why) => log.info({ peer, why }, "a peer did not give a blob"),
  });
  return {
    sources,
    bytes: () => ({ ...bytes }),
    async serve(images) {
      const identity = identityOf(certificates.current());
      if (identity === null) throw new BerthError("certificate_invalid", "this node has no certificate to show its peers");
      const server = await servePeers({
        dataDir: options.dataDir,
        listen,
        identity,
        images,
        native,
        clock,
        log: log.child({ room: "peers" }),
      });
      certificates.onChange((next) => server.useIdentity(next));
      own = `${address.includes(":") ? `[${address}]` : address}:${server.port}`;
      const stopped = new AbortController();
      const tell = (held: readonly string[], signal: AbortSignal) =>
        client.holdBlobs({ address: addressOf(own), held: [...held], dropped: [] }, signal);
      const telling = keepTelling({ images, tell, clock, log }, stopped.signal);
      return {
        async close() {
          stopped.abort();
          await telling;
          await server.close();
        },
      };
    },
  };
}

function identityOf(certificate: NodeCertificate | null): PeerIdentity | null {
  return certificate;
}

function addressOf(own: string | null): string {
  if (own === null) throw new BerthError("node_unavailable", "this node serves no peers yet");
  return own;
}
