import type { Clock } from "../../../shared/domain/index.ts";
import { orderPeers } from "./order-peers.ts";
import type { Peer } from "./peer-directory.ts";

/** What this node has seen of its peers. */
export interface PeerStanding {
  /** Those worth asking, the best first. */
  order(peers: readonly Peer[]): Peer[];
  /** False while a peer that lied or was slow is left alone. */
  isTrusted(nodeId: string): boolean;
  /** It lied or was slow: not asked for a while, longer each time. */
  shun(nodeId: string): void;
  /** It cannot be reached, is busy, or went away: not asked for a moment. */
  rest(nodeId: string): void;
  began(nodeId: string): void;
  /** A transfer ended; `bytesPerMs` when it was long enough to tell. */
  ended(nodeId: string, bytesPerMs: number | null): void;
  /** The best rate seen lately, bytes a millisecond. */
  bestRate(): number;
}

const SHUN_MS = 60_000;
const LONGEST_SHUN_MS = 3_600_000;
const REST_MS = 1_000;
/** A rate counts for less with every transfer after it: a link may have become slower for good. */
const FADING = 0.9;

/** In memory only: a node that starts again trusts every peer once more. `random` gives 0 <= x < 1. */
export function createPeerStanding(clock: Clock, random: () => number): PeerStanding {
  const inProgress = new Map<string, number>();
  const shunned = new Map<string, { until: number; times: number }>();
  const resting = new Map<string, number>();
  let best = 0;
  const busy = (nodeId: string) => inProgress.get(nodeId) ?? 0;
  const isTrusted = (nodeId: string) => (shunned.get(nodeId)?.until ?? 0) <= clock.monotonic();
  return {
    isTrusted,
    order(peers) {
      const awake = peers.filter(({ nodeId }) => isTrusted(nodeId) && (resting.get(nodeId) ?? 0) <= clock.monotonic());
      return orderPeers(awake, busy, random);
    },
    shun(nodeId) {
      const times = (shunned.get(nodeId)?.times ?? 0) + 1;
      shunned.set(nodeId, { times, until: clock.monotonic() + Math.min(LONGEST_SHUN_MS, SHUN_MS * 2 ** (times - 1)) });
    },
    rest: (nodeId) => void resting.set(nodeId, clock.monotonic() + REST_MS),
    began: (nodeId) => void inProgress.set(nodeId, busy(nodeId) + 1),
    ended(nodeId, bytesPerMs) {
      if (busy(nodeId) <= 1) inProgress.delete(nodeId);
      else inProgress.set(nodeId, busy(nodeId) - 1);
      if (bytesPerMs !== null) best = Math.max(best * FADING, bytesPerMs);
    },
    bestRate: () => best,
  };
}
