import type { Peer } from "./peer-directory.ts";

/** Further than any that is told. */
const UNKNOWN = 9;

/** The nearest first; among equals the fewest transfers from here in progress, then chance. */
export function orderPeers(peers: readonly Peer[], inProgress: (nodeId: string) => number, random: () => number): Peer[] {
  return peers
    .map((peer) => ({ peer, distance: peer.distance ?? UNKNOWN, load: inProgress(peer.nodeId) + random() }))
    .sort((one, other) => one.distance - other.distance || one.load - other.load)
    .map(({ peer }) => peer);
}
