import type { NodeRecord } from "../../shared/domain/index.ts";

/** When this process last saw a node's record move, by its own monotonic clock. */
export interface Sighting {
  mark: string;
  at: number;
  /** The record has moved since this process first saw it. */
  moved: boolean;
}

export interface Now {
  wall: number;
  monotonic: number;
}

export interface Patience {
  suspectMs: number;
  /** Lease and grace. */
  lostMs: number;
}

/**
 * Silence is measured on this process's monotonic clock from when it saw the record move, which is never before the sync
 * itself. So neither a step of the wall clock nor a restart of the control plane can make a lease look expired early: a
 * fresh process waits one whole lease and grace before it calls anybody lost.
 */
export function observe(sightings: ReadonlyMap<string, Sighting>, nodes: readonly NodeRecord[], monotonic: number): Map<string, Sighting> {
  return new Map(
    nodes.map((node) => {
      const mark = `${node.incarnation} ${node.lastSeenAt}`;
      const before = sightings.get(node.id);
      if (before?.mark === mark) return [node.id, before];
      return [node.id, { mark, at: monotonic, moved: before !== undefined }];
    }),
  );
}

export type Verdict = "alive" | "suspect" | "lost" | "returned";

/** What should be done about the node. `returned` is a lost node that speaks again. */
export function judge(node: NodeRecord, sighting: Sighting, now: Now, patience: Patience): Verdict {
  const silence = now.monotonic - sighting.at;
  if (node.state === "lost") return sighting.moved && silence < patience.suspectMs ? "returned" : "lost";
  if (silence >= patience.lostMs) return "lost";
  // Suspicion harms nobody, so the wall clock may speak too: after a restart it knows who is long gone.
  return Math.max(silence, now.wall - node.lastSeenAt) >= patience.suspectMs ? "suspect" : "alive";
}
