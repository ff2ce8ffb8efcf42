import type { Readable } from "node:stream";
import { Agent } from "undici";
import { nodeHost } from "../../../shared/certificates/index.ts";
import type { Peer, PeerIdentity } from "./peer-directory.ts";

export type PeerAnswer =
  | { kind: "absent" | "busy" }
  /** `start` and `end` (one past the last) of what the body brings; `growing` when the peer itself is still fetching it. */
  | { kind: "body"; body: Readable; start: number; end: number; growing: boolean };

/** TLS connections to peers, each shown this node's certificate and held to the name of the node that is meant. */
export interface PeerConnections {
  /** @throws what breaks the connection; Error for an answer that no peer gives */
  open(peer: Peer, blob: { digest: string; size: number }, from: number, to: number, signal: AbortSignal): Promise<PeerAnswer>;
  close(): Promise<void>;
}

const CONNECT_MS = 2_000;
const HEADERS_MS = 5_000;
const CONNECTIONS = 8;

/**
 * `identity` is asked for each request: certificates are renewed every few hours, and connections with the old one are let
 * go.
 */
export function createPeerConnections(identity: () => PeerIdentity | null): PeerConnections {
  const agents = new Map<string, { agent: Agent; shown: PeerIdentity }>();
  const agentOf = ({ nodeId, address }: Peer): Agent => {
    const shown = identity();
    if (shown === null) throw new Error("this node has no certificate yet");
    const key = `${nodeId} ${address}`;
    const known = agents.get(key);
    if (known?.shown.certificate === shown.certificate) return known.agent;
    void known?.agent.close();
    const tls = { ca: shown.ca, cert: shown.certificate, key: shown.key, servername: nodeHost(nodeId), minVersion: "TLSv1.3" as const };
    const agent = new Agent({
      connect: { ...tls, timeout: CONNECT_MS },
      headersTimeout: HEADERS_MS,
      connections: CONNECTIONS,
      pipelining: 1,
    });
    agents.set(key, { agent, shown });
    return agent;
  };
  return {
    async open(peer, blob, from, to, signal) {
      const { statusCode, headers, body } = await agentOf(peer).request({
        origin: `https://${peer.address}`,
        path: `/v1/blobs/${blob.digest}`,
        method: "GET",
        headers: { range: `bytes=${from}-${to - 1}` },
        signal,
      });
      body.on("error", () => undefined);
      if (statusCode === 404 || statusCode === 503) {
        await body.dump();
        return { kind: statusCode === 404 ? "absent" : "busy" };
      }
      try {
        return { kind: "body", body, ...extentOf(statusCode, headers, blob.size, from), growing: headers["berth-growing"] === "1" };
      } catch (error) {
        body.destroy();
        throw error;
      }
    },
    async close() {
      await Promise.all([...agents.values()].map(({ agent }) => agent.destroy()));
    },
  };
}

/** A redirect or anything else is not followed: a peer could send this node anywhere. */
function extentOf(status: number, headers: Record<string, unknown>, size: number, from: number): { start: number; end: number } {
  if (status === 200 && headers["content-length"] === `${size}`) return { start: 0, end: size };
  const [, first, last, total] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(`${headers["content-range"]}`) ?? [];
  const [start, end] = [Number(first), Number(last) + 1];
  if (status === 206 && start === from && end > from && end <= size && Number(total) === size) return { start, end };
  throw new Error(`it answered ${status} with ${JSON.stringify(headers["content-range"] ?? headers["content-length"] ?? "no length")}`);
}
