import { clockDay } from "../explain/words.ts";
import type { ClusterSnapshot, NodeCapacity, PendingJob } from "../snapshot.ts";

/** Nodes that the operator keeps for a time; without projects it is a maintenance window. Times in milliseconds since the Unix epoch. */
export interface ReservedWindow {
  name: string;
  /** Ids. */
  nodes: string[];
  from: number;
  to: number;
  /** Whose jobs may use the nodes all the same. */
  projects: string[];
}

/** What was written into nodes and jobs: one that has not changed, with windows that have not, is the same object as before. */
export interface WindowMemory {
  node(node: NodeCapacity, windows: NonNullable<NodeCapacity["windows"]>): NodeCapacity;
  job(job: PendingJob, barredBy: string[]): PendingJob;
}

/** Held weakly: nodes and jobs that are gone leave nothing behind. */
export function createWindowMemory(): WindowMemory {
  const nodes = new WeakMap<NodeCapacity, NodeCapacity>();
  const jobs = new WeakMap<PendingJob, PendingJob>();
  return {
    node: (node, windows) => {
      const known = nodes.get(node);
      if (known !== undefined && sameWords(known.windows ?? [], windows)) return known;
      const made = { ...node, windows };
      nodes.set(node, made);
      return made;
    },
    job: (job, barredBy) => {
      const known = jobs.get(job);
      if (known?.barredBy !== undefined && sameItems(known.barredBy, barredBy)) return known;
      const made = { ...job, barredBy };
      jobs.set(job, made);
      return made;
    },
  };
}

function sameWords(before: NonNullable<NodeCapacity["windows"]>, after: NonNullable<NodeCapacity["windows"]>): boolean {
  return (
    before.length === after.length && before.every(({ name, words }, place) => name === after[place]?.name && words === after[place].words)
  );
}

function sameItems(before: readonly string[], after: readonly string[]): boolean {
  return before.length === after.length && before.every((item, place) => item === after[place]);
}

/**
 * The snapshot with its windows written into what they concern: nodes carry those still to end, jobs the names of those they
 * would run into if they started now. A job keeps away from a window's nodes unless its project is allowed there or its time
 * limit ends before the window opens. What runs already is not stopped. Without windows it is the same object.
 */
export function withWindows(snapshot: ClusterSnapshot, now: number, memory: WindowMemory = createWindowMemory()): ClusterSnapshot {
  const { reservations = [], ...rest } = snapshot;
  if (reservations.length === 0) return snapshot;
  const open = reservations.filter(({ to }) => to > now).sort((one, other) => (one.name < other.name ? -1 : 1));
  const byNode = new Map<string, { name: string; words: string }[]>();
  for (const window of open) for (const id of window.nodes) byNode.set(id, [...(byNode.get(id) ?? []), wordsOf(window)]);
  return {
    ...rest,
    nodes: snapshot.nodes.map((node) => {
      const windows = byNode.get(node.id);
      return windows === undefined ? node : memory.node(node, windows);
    }),
    pending: snapshot.pending.map((job) => {
      const barredBy = open.filter((window) => runsInto(job, window, now)).map(({ name }) => name);
      return barredBy.length === 0 ? job : memory.job(job, barredBy);
    }),
  };
}

function runsInto(
  { project = "default", timeLimitMs = Number.POSITIVE_INFINITY }: PendingJob,
  window: ReservedWindow,
  now: number,
): boolean {
  return !window.projects.includes(project) && now + timeLimitMs > window.from;
}

/** Of moments, not of ages: the words must not change from pass to pass. */
function wordsOf({ name, from, to, projects }: ReservedWindow): { name: string; words: string } {
  const what = projects.length === 0 ? "maintenance" : `reserved for ${projects.join(", ")}`;
  return { name, words: `${what} from ${clockDay(from)} to ${clockDay(to)} (${name})` };
}
