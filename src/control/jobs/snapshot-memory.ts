import type { Job, NodeRecord } from "../../shared/domain/index.ts";
import { type ActiveJob, type ClusterSnapshot, type NodeCapacity, nodeCapacity, type PendingJob } from "../scheduler/index.ts";
import { activeJob, pendingJob } from "./snapshot-of.ts";

/** Free disk is told in steps of a 32nd of the power of two below it: what every sync changes a little would change every pass. */
const DISK_STEPS = 32;

/**
 * Makes the scheduler's view of rows, in which everything that is as before is the same object as before: what an
 * incremental decision remembers depends on it.
 */
export interface SnapshotMemory {
  view(
    nodes: readonly NodeRecord[],
    pending: readonly Job[],
    active: readonly Job[],
  ): Pick<ClusterSnapshot, "nodes" | "pending" | "active">;
}

/** Keep one for each schedule loop: its identity with the pass before is what it is for. */
export function createSnapshotMemory(): SnapshotMemory {
  const nodes = remembering<NodeRecord, NodeCapacity>(sameNode, capacityOf);
  const pending = remembering<Job, PendingJob>(() => false, pendingJob);
  const active = remembering<Job, ActiveJob>(() => false, activeJob);
  return { view: (records, waiting, running) => ({ nodes: nodes(records), pending: pending(waiting), active: active(running) }) };
}

/** Made again when the source is not the same, and a new object only when what is made differs. */
function remembering<Source extends { id: string }, Made>(same: (one: Source, other: Source) => boolean, make: (source: Source) => Made) {
  const bySource = new WeakMap<Source, Made>();
  let byId = new Map<string, { source: Source; made: Made }>();
  const again = (source: Source): Made => {
    const before = byId.get(source.id);
    const fresh = before !== undefined && same(before.source, source) ? before.made : make(source);
    const equal = before !== undefined && (before.made === fresh || JSON.stringify(before.made) === JSON.stringify(fresh));
    const made = equal ? before.made : fresh;
    byId.set(source.id, { source, made });
    bySource.set(source, made);
    return made;
  };
  return (sources: readonly Source[]): Made[] => {
    const all = sources.map((source) => bySource.get(source) ?? again(source));
    if (byId.size > 2 * sources.length + 1000)
      byId = new Map(sources.map((source, place) => [source.id, { source, made: all[place] as Made }]));
    return all;
  };
}

/** The time of a node's last sync is only told of one that is away. */
function sameNode(one: NodeRecord, other: NodeRecord): boolean {
  return (
    one.facts === other.facts &&
    one.state === other.state &&
    one.address === other.address &&
    one.controls === other.controls &&
    (one.state === "ready" || one.lastSeenAt === other.lastSeenAt)
  );
}

function capacityOf(record: NodeRecord): NodeCapacity {
  const capacity = nodeCapacity(record);
  const lastSeenAt = record.state === "ready" ? 0 : record.lastSeenAt;
  return { ...capacity, lastSeenAt, ...(capacity.diskFreeBytes === undefined ? {} : { diskFreeBytes: inSteps(capacity.diskFreeBytes) }) };
}

function inSteps(bytes: number): number {
  if (bytes <= 0) return bytes;
  const step = 2 ** Math.floor(Math.log2(bytes)) / DISK_STEPS;
  return Math.floor(bytes / step) * step;
}
