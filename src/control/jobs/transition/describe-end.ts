import { formatBytes, formatDuration, type Job, type ReplicaStatus } from "../../../shared/domain/index.ts";

/** "exited with code 1"; in a gang "rank 2 on node-b exited with code 1". */
export function describeEnd(job: Job, replica: ReplicaStatus, nodeId: string | undefined): string {
  const what = endText(job, replica);
  return job.spec.replicas === 1 ? what : `rank ${replica.rank} on ${nodeId ?? "?"} ${what}`;
}

function endText(job: Job, { cause, exitCode, message }: ReplicaStatus): string {
  switch (cause) {
    case "oom":
      return `was killed: out of memory (its limit is ${formatBytes(job.spec.resources.memoryBytes)})`;
    case "time-limit":
      return `was stopped at its time limit of ${formatDuration(job.spec.timeLimitSeconds ?? 0)}`;
    case "signal":
      return exitCode !== null && exitCode > 128 ? `was killed by signal ${exitCode - 128}` : "was killed by a signal";
    case "start-failed":
      return `could not start: ${message ?? "no reason given"}`;
    case "stopped":
      return exitCode === null ? "was stopped before it ran" : `was stopped (exit code ${exitCode})`;
    case "lease-expired":
      return "was killed: its node could not renew the lease";
    case "exited":
      return exitCode === null ? "ended with an unknown exit code" : `exited with code ${exitCode}`;
    default:
      return message ?? "was lost";
  }
}
