import { isActive, isBerthError, type Job } from "../../shared/domain/index.ts";
import type { ReplicaReport, SyncRequest } from "../../shared/wire/index.ts";
import { applyChange } from "./apply-change.ts";
import type { JobChange } from "./job-change.ts";
import type { JobStore } from "./job-store.ts";

/**
 * Writes what a node reports about its replicas. Reports of attempts that are over are passed by: the answer to the sync
 * leaves them out, which tells the agent to stop and forget them.
 * @returns the jobs that changed, before and after
 */
export async function applyReports(
  store: JobStore,
  { nodeId, replicas: reports, facts }: Pick<SyncRequest, "nodeId" | "replicas" | "facts">,
  now: number,
): Promise<ChangedJob[]> {
  const sickGpus = Object.fromEntries(
    facts.gpus
      .filter((gpu) => !gpu.healthy)
      .flatMap((gpu) => [gpu, ...(gpu.mig?.devices ?? [])].map(({ uuid }) => [uuid, gpu.problem ?? "unhealthy"])),
  );
  // The reports of one job follow each other; different jobs are written, and synced to disk, together.
  const byJob = new Map<string, ReplicaReport[]>();
  for (const report of reports) byJob.set(report.jobId, [...(byJob.get(report.jobId) ?? []), report]);
  const changes = [...byJob].map(async ([jobId, ofJob]) => {
    const changed: ChangedJob[] = [];
    for (const report of ofJob) {
      const change = await tryChange(store, jobId, { type: "replica-report", nodeId, report, sickGpus }, now);
      if (change !== null) changed.push(change);
    }
    return changed;
  });
  return (await Promise.all(changes)).flat();
}

export interface ChangedJob {
  before: Job;
  after: Job;
}

/** Null when nothing changed or the attempt is over. */
export async function tryChange(store: JobStore, jobId: string, change: JobChange, now: number): Promise<ChangedJob | null> {
  const before = await store.get(jobId);
  if (before === null) return null;
  try {
    const after = await applyChange(store, jobId, change, now);
    return after.version === before.version ? null : { before, after };
  } catch (error) {
    if (isBerthError(error, "stale_epoch") || isBerthError(error, "job_not_found")) return null;
    throw error;
  }
}

/** True when the change may let something else start, or must make other nodes stop something. */
export function endedSomething({ before, after }: ChangedJob): boolean {
  return before.state !== after.state && (after.state === "stopping" || !isActive(after.state));
}
