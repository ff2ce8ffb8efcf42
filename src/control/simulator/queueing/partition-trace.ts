import { BerthError } from "../../../shared/domain/index.ts";
import { readCsv } from "../trace/csv.ts";

/** One job of a trace that is split into partitions (virtual clusters). */
export interface PartitionJob {
  id: string;
  submitSeconds: number;
  gpus: number;
  /** At least 1: a trace's second is the least it can tell. */
  durationSeconds: number;
}

export const GPUS_PER_NODE = 8;

/**
 * A Philly-like trace (job_id,vc,submit_s,gpus,duration_s): partition -> its jobs by submission.
 * @throws BerthError invalid_trace
 */
export function partitionJobs(csv: string): Map<string, PartitionJob[]> {
  const partitions = new Map<string, PartitionJob[]>();
  for (const row of readCsv(csv, ["job_id", "vc", "submit_s", "gpus", "duration_s"])) {
    const job = {
      id: row.text("job_id"),
      submitSeconds: row.number("submit_s"),
      gpus: row.number("gpus"),
      durationSeconds: Math.max(1, row.number("duration_s")),
    };
    if (!(job.gpus >= 1) || row.number("duration_s") < 0 || job.submitSeconds < 0)
      throw new BerthError("invalid_trace", `job ${job.id} of the trace: gpus must be at least 1, times not below 0`);
    const jobs = partitions.get(row.text("vc")) ?? [];
    jobs.push(job);
    partitions.set(row.text("vc"), jobs);
  }
  for (const jobs of partitions.values()) jobs.sort((left, right) => left.submitSeconds - right.submitSeconds);
  return partitions;
}

/** Nodes of every partition (vc,nodes_full,nodes_half). @throws BerthError invalid_trace */
export function partitionNodes(csv: string, size: "full" | "half"): Map<string, number> {
  return new Map(readCsv(csv, ["vc", `nodes_${size}`], "cluster file").map((row) => [row.text("vc"), row.number(`nodes_${size}`)]));
}

/** Seconds a job loses when it is preempted and started again. */
export function restartSeconds(gpus: number): number {
  return gpus === 1 ? 7 : gpus <= GPUS_PER_NODE ? 30 : 60;
}
