import { type ClusterSnapshot, decide } from "../../scheduler/index.ts";
import type { ReplayJob } from "./replay-job.ts";
import { pendingOf } from "./snapshot-parts.ts";

/** Ids of the jobs that the empty cluster can start. Each kind of request is tried once. */
export function startableJobs(jobs: readonly ReplayJob[], cluster: Pick<ClusterSnapshot, "nodes" | "projects" | "placement">): Set<string> {
  const known = new Map<string, boolean>();
  const starts = (job: ReplayJob) => {
    const { resources, replicas, minReplicas, rules, imageRequirements, project, user } = job;
    // Only a project's limits tell whose it is apart.
    const whose = cluster.projects === undefined ? [] : [project, user];
    const kind = JSON.stringify([resources, replicas, minReplicas, rules, imageRequirements, ...whose]);
    const tried = known.get(kind) ?? decide({ ...cluster, pending: [pendingOf(job)], active: [], explain: false }, 0).placements.length > 0;
    known.set(kind, tried);
    return tried;
  };
  return new Set(jobs.filter(starts).map(({ id }) => id));
}
