import { gpuCountText, gpusCounted } from "../../../shared/domain/index.ts";
import type { ActiveJob, PendingJob } from "../snapshot.ts";
import type { Amounts, ProjectNode } from "./project-tree.ts";
import type { ProjectLimits } from "./queueing-policy.ts";

/** Parts of GPUs add up to whole ones but for the last bits of a double. */
const ROUNDING = 1e-9;

/** Of all its replicas; parts of GPUs as fractions. */
export function asked({ resources, replicas }: PendingJob): Amounts {
  return amounts(resources, replicas);
}

/** Of the replicas that are placed: an elastic job may hold less than it asked. */
export function heldBy({ resources, assignments }: ActiveJob): Amounts {
  return amounts(resources, assignments.length);
}

function amounts(resources: PendingJob["resources"], replicas: number): Amounts {
  return {
    gpus: gpusCounted(resources) * replicas,
    cpuMillis: resources.cpuMillis * replicas,
    memoryBytes: resources.memoryBytes * replicas,
  };
}

/** Whether so many GPUs more are within what the project is guaranteed. Once they are not, they never are again in a pass. */
export function coversGpus(node: ProjectNode, gpus: number): boolean {
  return gpus > 0 && node.held.gpus + gpus <= node.share.guaranteedGpus + ROUNDING;
}

/** Why the limits of the project, of one above it or of the user forbid the job; null when none does. */
export function overLimit(leaf: ProjectNode, job: PendingJob): string | null {
  const { gpus } = asked(job);
  for (const node of leaf.path) {
    const over =
      exceeds("project", node.share.name, "gpus", node.share.limits, node.held.gpus, gpus) ??
      exceeds("project", node.share.name, "jobs", node.share.limits, node.jobs, 1) ??
      (node === leaf ? overUserLimit(leaf, job.user ?? "", gpus) : null);
    if (over !== null) return over;
  }
  return null;
}

function overUserLimit({ share: { name, limits }, users }: ProjectNode, user: string, gpus: number): string | null {
  if (limits.gpusPerUser === null && limits.jobsPerUser === null) return null;
  const mine = users.get(user) ?? { gpus: 0, jobs: 0 };
  const who = `${user} in project ${name}`;
  return exceeds("user", who, "gpusPerUser", limits, mine.gpus, gpus) ?? exceeds("user", who, "jobsPerUser", limits, mine.jobs, 1);
}

function exceeds(kind: string, who: string, limit: keyof ProjectLimits, limits: ProjectLimits, used: number, more: number): string | null {
  const most = limits[limit];
  if (most === null || more === 0 || used + more <= most + ROUNDING) return null;
  const what = limit.startsWith("gpus") ? "GPUs" : "jobs";
  return `${kind} ${who} may hold ${most} ${what}; it holds ${gpuCountText(used)} and this job asks ${gpuCountText(more)}`;
}
