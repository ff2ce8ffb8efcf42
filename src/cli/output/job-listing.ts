import { gpuCountText, gpusCounted, type Job, type JobState, nameOfJobId } from "../../shared/domain/index.ts";
import { arraySummary, jobLabel } from "./array-text.ts";
import type { Listing } from "./formats.ts";
import type { Style } from "./style.ts";
import type { Column } from "./table.ts";
import { between, runtimeOf } from "./time.ts";

const STATE_STYLES: Record<JobState, Style> = {
  pending: "yellow",
  starting: "cyan",
  running: "green",
  stopping: "magenta",
  succeeded: "dim",
  failed: "red",
  cancelled: "dim",
};

/** Null for a state that this client does not know: a newer server may have more. */
export function stateStyle(state: JobState): Style | null {
  return STATE_STYLES[state] ?? null;
}

/** The table of `berth ps`. `nodeNames` maps node ids to names, `pendingTasks` arrays to the indexes of tasks that wait with a job. */
export function jobListing(
  now: number,
  nodeNames: ReadonlyMap<string, string>,
  pendingTasks: ReadonlyMap<string, readonly number[]> = new Map(),
): Listing<Job> {
  const columns: Column<Job>[] = [
    { title: "ID", value: (job) => jobLabel(job, pendingTasks.get(job.id)), align: "right" },
    { title: "NAME", value: (job) => job.spec.name },
    { title: "STATE", value: (job) => ({ text: job.state, style: stateStyle(job.state) }) },
    { title: "REPLICAS", value: replicasOf, align: "right" },
    { title: "GPUS", value: (job) => gpusText(job), align: "right" },
    { title: "AGE", value: (job) => between(job.submittedAt, now), align: "right" },
    { title: "RUNTIME", value: (job) => runtimeOf(job, now), align: "right" },
    { title: "NODES/REASON", value: (job) => nodesOrReason(job, nodeNames) },
  ];
  const wide: Column<Job>[] = [
    { title: "IMAGE", value: (job) => job.spec.image },
    { title: "USER", value: (job) => job.user },
    { title: "PROJECT", value: (job) => job.spec.project },
    { title: "PRIORITY", value: (job) => job.spec.priority, align: "right" },
    { title: "EPOCH", value: (job) => job.epoch, align: "right" },
    { title: "EXIT", value: (job) => job.outcome?.exitCode ?? null, align: "right" },
  ];
  return { columns, wide, name: (job) => `job/${nameOfJobId(job)}`, empty: "no jobs (`berth ps -a` shows ended ones too)" };
}

/** "2", "0.5", "1 x 1g.10gb": MIG devices are no GPUs. */
function gpusText({ spec: { resources, replicas } }: Job): string {
  if (resources.migProfile !== undefined) return `${resources.gpus * replicas} x ${resources.migProfile}`;
  return gpuCountText(gpusCounted(resources) * replicas);
}

/** "1", or "2/4" while not all of a gang run. */
function replicasOf(job: Job): string {
  const wanted = job.spec.replicas;
  const running = job.attempt?.replicas.filter((replica) => replica.state === "running").length ?? 0;
  return wanted > 1 && job.state !== "pending" && job.finishedAt === null ? `${running}/${wanted}` : `${wanted}`;
}

/** Where it runs, why it waits, or how it ended. */
export function nodesOrReason(job: Job, nodeNames: ReadonlyMap<string, string>): string {
  if (job.array !== undefined && job.outcome === null) return arraySummary(job);
  if (job.state === "pending") return job.pendingReason ?? "waiting for the scheduler";
  if (job.outcome && job.state !== "succeeded") return job.outcome.message;
  const names = new Set(job.attempt?.assignments.map(({ nodeId }) => nodeNames.get(nodeId) ?? nodeId) ?? []);
  const starting = job.state === "starting" ? job.attempt?.replicas.find((replica) => replica.message)?.message : null;
  return [...names].join(",") + (starting ? ` (${starting})` : "");
}
