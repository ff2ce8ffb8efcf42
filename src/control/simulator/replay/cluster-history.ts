import type { Job, NodeRecord } from "../../../shared/domain/index.ts";
import type { ReplayJob, ReplayNode } from "./replay-job.ts";

/** The jobs of a cluster's own past that ran to an end, as a trace that begins with the first of them. */
export function historyJobs(jobs: readonly Job[], sinceMs: number): ReplayJob[] {
  const ran = jobs.flatMap((job) => {
    const { startedAt, finishedAt } = job;
    // An array's own row only stands for its tasks.
    return startedAt === null || finishedAt === null || job.submittedAt < sinceMs || job.array !== undefined
      ? []
      : [{ job, startedAt, finishedAt }];
  });
  const first = ran.reduce((least, { job }) => Math.min(least, job.submittedAt), Number.POSITIVE_INFINITY);
  return ran
    .map(({ job, startedAt, finishedAt }) => {
      const { resources, replicas, priority, project, timeLimitSeconds } = job.spec;
      return {
        ...{
          id: job.id,
          submitSeconds: (job.submittedAt - first) / 1000,
          durationSeconds: Math.max(1e-3, (finishedAt - startedAt) / 1000),
        },
        ...{ replicas, gpus: resources.gpus, cpuMillis: resources.cpuMillis, memoryBytes: resources.memoryBytes },
        ...{ gpuModel: resources.gpuModel, project, user: job.user, priority, timeLimitSeconds, partition: null },
      };
    })
    .sort((left, right) => left.submitSeconds - right.submitSeconds);
}

/** The cluster's machines as they are now. */
export function historyNodes(records: readonly Pick<NodeRecord, "name" | "facts">[]): ReplayNode[] {
  return records.map(({ name, facts }) => ({
    ...{ name, gpus: facts.gpus.length, gpuModel: facts.gpus[0]?.model ?? "", cpuMillis: facts.cpus * 1000 },
    ...{ memoryBytes: facts.memoryBytes, partition: null },
  }));
}
