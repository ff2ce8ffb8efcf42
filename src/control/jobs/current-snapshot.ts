import { type ClusterSnapshot, type PlacementKinds, SERVICE_POLICY } from "../scheduler/index.ts";
import { createQueueStanding } from "./queue-standing.ts";
import { createServiceTracker, type TrackedJob } from "./service-tracker.ts";
import { pendingJob, snapshotOf } from "./snapshot-of.ts";
import type { Stores } from "./stores.ts";

/** A job the answer is about, whether it is stored or only planned. */
export type AskedJob = TrackedJob & Parameters<typeof pendingJob>[0];

export interface AskedWith {
  mostPending: number;
  now: number;
  queueing: "fair" | "service" | undefined;
  /** Absent: running jobs are not moved. */
  movesPerHour: number | undefined;
  /** Absent packs everywhere. */
  placement?: PlacementKinds | undefined;
}

/**
 * What the next scheduling pass would see, for answers that change nothing: usage is counted from what was last saved, the
 * history from the ended jobs that a new leader would read. `asked` is in it even when the queue is longer than what is
 * read of it. `queueing` is the loop's.
 * @throws BerthError redis_unavailable
 */
export async function currentSnapshot(
  { nodes, jobs, projects, reservations }: Pick<Stores, "nodes" | "jobs" | "projects" | "reservations">,
  asked: AskedJob,
  { mostPending, now, queueing, movesPerHour, placement }: AskedWith,
): Promise<ClusterSnapshot> {
  const [records, view, windows] = await Promise.all([nodes.list(), jobs.queue(mostPending), reservations.list()]);
  const saving = new Proxy(projects, {
    get: (target, name) => (name === "saveUsages" || name === "forgetUsages" ? async () => {} : Reflect.get(target, name)),
  });
  const read = snapshotOf(records, view, await createQueueStanding(saving).look(records, view.active, now), windows);
  const missing = [...read.pending, ...read.active].every(({ id }) => id !== asked.id);
  const rows = missing ? { ...read, pending: [...read.pending, pendingJob(asked)] } : read;
  const tracker = createServiceTracker(jobs);
  const indexed = await tracker.look([...view.pending, ...view.active, ...(missing ? [asked] : [])], rows, now);
  const known = queueing === "service" ? { ...indexed, queueing: SERVICE_POLICY } : rows;
  const withRemaining = <Row extends { id: string }>(row: Row) => {
    const remainingMs = tracker.remaining(row.id);
    return remainingMs === null ? row : { ...row, remainingMs };
  };
  // Promises of moves are honoured; none is thought up here, where nobody would carry it out.
  const moves = movesPerHour === undefined ? {} : { defragment: { movesPerHour, movesLastHour: movesPerHour } };
  const kinds = placement === undefined ? {} : { placement };
  return { ...known, ...moves, ...kinds, pending: known.pending.map(withRemaining), active: known.active.map(withRemaining) };
}
