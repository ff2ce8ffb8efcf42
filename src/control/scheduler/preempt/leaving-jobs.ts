import type { ActiveJob, ClusterSnapshot, Preemption } from "../snapshot.ts";

/** The running jobs that stop, and those that this plan asks to. */
export interface LeavingJobs {
  stopping(): readonly ActiveJob[];
  /** The plan asks these to stop. */
  ask(jobs: readonly ActiveJob[]): void;
  /** Those that stop, and of those asked the ones of these preemptions, that leave room on the nodes; by id. */
  on(nodeIds: readonly string[], preemptions: readonly Preemption[]): ActiveJob[];
  nameOf(nodeId: string): string;
}

/** `stopping` is asked each time: those that stop already, by the rows. */
export function leavingJobs({ nodes }: Pick<ClusterSnapshot, "nodes">, stopping: () => readonly ActiveJob[]): LeavingJobs {
  const asked = new Map<string, ActiveJob>();
  let names: Map<string, string> | null = null;
  return {
    stopping,
    ask: (jobs) => {
      for (const job of jobs) asked.set(job.id, job);
    },
    on: (nodeIds, preemptions) => {
      const leaving = new Set(stopping());
      for (const { jobId } of preemptions) {
        const job = asked.get(jobId);
        if (job !== undefined) leaving.add(job);
      }
      return [...leaving]
        .filter(({ assignments }) => assignments.some(({ nodeId }) => nodeIds.includes(nodeId)))
        .sort((one, other) => one.id.length - other.id.length || (one.id < other.id ? -1 : 1));
    },
    nameOf: (nodeId) => {
      names ??= new Map(nodes.map(({ id, name }) => [id, name]));
      return names.get(nodeId) ?? nodeId;
    },
  };
}
