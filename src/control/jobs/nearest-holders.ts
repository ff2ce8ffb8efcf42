import { createHash } from "node:crypto";
import type { NodeRecord } from "../../shared/domain/index.ts";
import type { BlobPeer } from "./blob-directory.ts";

/** Where a node stands, as its labels `rack` and `switch` say; null for nobody knows. */
export interface NodePlace {
  rack: string | null;
  switch: string | null;
}

/** 0 the same rack, 1 the same switch, 2 anywhere else. */
export type Distance = 0 | 1 | 2;

const UNKNOWN: NodePlace = { rack: null, switch: null };

/** An operator's label counts for more than the one that the agent was started with. */
export function placeOf({ facts, controls }: Pick<NodeRecord, "facts" | "controls">): NodePlace {
  const labels = { ...facts.labels, ...controls?.labels };
  return { rack: labels["rack"] || null, switch: labels["switch"] || null };
}

/**
 * The `most` holders that are nearest to who asks, nearest first. Those of one distance stand in an order that is always the same for
 * one asker and blob and another one for others, so that a cluster's askers spread over its holders.
 */
export function nearestHolders(
  wanted: { digest: string; asker: string },
  holders: readonly BlobPeer[],
  places: ReadonlyMap<string, NodePlace>,
  most: number,
): (BlobPeer & { distance: Distance })[] {
  const here = places.get(wanted.asker) ?? UNKNOWN;
  const ranked = holders.map((peer) => ({
    peer: { ...peer, distance: distanceBetween(here, places.get(peer.nodeId) ?? UNKNOWN) },
    draw: createHash("sha256").update(`${wanted.digest} ${wanted.asker} ${peer.nodeId}`).digest("hex"),
  }));
  ranked.sort((one, other) => one.peer.distance - other.peer.distance || (one.draw < other.draw ? -1 : 1));
  return ranked.slice(0, most).map(({ peer }) => peer);
}

function distanceBetween(one: NodePlace, other: NodePlace): Distance {
  if (one.rack !== null && one.rack === other.rack) return 0;
  return one.switch !== null && one.switch === other.switch ? 1 : 2;
}
