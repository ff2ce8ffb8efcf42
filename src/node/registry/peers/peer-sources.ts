import { type Clock, errorText } from "../../../shared/domain/index.ts";
import type { BlobSource, WrapSource } from "../../images/index.ts";
import { metered } from "./metered.ts";
import { createPeerConnections } from "./peer-connections.ts";
import type { PeerDirectory, PeerIdentity } from "./peer-directory.ts";
import { createPeerSource } from "./peer-source.ts";
import { createPeerStanding } from "./peer-standing.ts";

export interface PeerSourcesOptions {
  directory: PeerDirectory;
  /** Null until the node has a certificate: then only the registry is asked. */
  identity(): PeerIdentity | null;
  clock: Clock;
  random?: () => number;
  /** Bytes that came, from whom. */
  onBytes(from: "peer" | "registry", bytes: number): void;
  /** For the log. */
  onFailure(nodeId: string, why: string): void;
  limits?: Partial<PeerLimits>;
}

export interface PeerLimits {
  /** A peer that sends less than `minimumBytes` in `windowMs`, or a twentieth of the best rate seen, is left. */
  windowMs: number;
  minimumBytes: number;
  /** How long another node's fetch is waited for before the registry is asked after all. */
  patienceMs: number;
  /** How often a node that fetches from the registry says so. */
  renewMs: number;
  claimMs: number;
}

const LIMITS: PeerLimits = { windowMs: 5_000, minimumBytes: 64 * 1024, patienceMs: 30_000, renewMs: 2_000, claimMs: 3_000 };

export interface PeerSources {
  wrap: WrapSource;
  close(): Promise<void>;
}

/** Blobs from the node's peers first, from their registry where no peer has them. */
export function createPeerSources(options: PeerSourcesOptions): PeerSources {
  const { directory, clock, random = Math.random } = options;
  const limits = { ...LIMITS, ...options.limits };
  const connections = createPeerConnections(options.identity);
  const standing = createPeerStanding(clock, random);
  const closed = new AbortController();
  const patient = sparing(directory, clock);
  const fromRegistry = (origin: BlobSource): BlobSource["fetch"] => {
    return async (range, turn, signal) => {
      const answer = await origin.fetch(range, turn, signal);
      const meter = { pace: null, onBytes: (bytes: number) => options.onBytes("registry", bytes), onEnd: () => undefined };
      return { ...answer, body: metered(answer.body, meter) };
    };
  };
  return {
    wrap(origin, size) {
      const source = { ...origin, fetch: fromRegistry(origin) };
      if (options.identity() === null) return source;
      const tools = { directory: patient, connections, standing, limits, clock, random, closed: closed.signal };
      return createPeerSource(source, size, { ...tools, onBytes: (bytes) => options.onBytes("peer", bytes), onFailure: fail });
    },
    async close() {
      closed.abort(new Error("the node stops"));
      await connections.close();
    },
  };
  function fail(nodeId: string, error: unknown): void {
    options.onFailure(nodeId, errorText(error));
  }
}

const SILENCE_MS = 15_000;

/** A control plane that did not answer is not waited for again at every part of every blob. */
function sparing(directory: PeerDirectory, clock: Clock): PeerDirectory {
  let silentUntil = 0;
  return {
    tell: directory.tell,
    async claim(digest, exhausted, signal) {
      if (clock.monotonic() < silentUntil) throw new Error("the control plane did not answer just now");
      try {
        return await directory.claim(digest, exhausted, signal);
      } catch (error) {
        silentUntil = clock.monotonic() + SILENCE_MS;
        throw error;
      }
    },
  };
}
