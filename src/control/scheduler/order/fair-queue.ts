import { WHOLE_GPU_MILLIS } from "../../../shared/domain/index.ts";
import type { Holding } from "../incremental/project-holdings.ts";
import type { PendingJob } from "../snapshot.ts";
import { fairLevels, type LaneHead, type Leaf, type Level } from "./fair-levels.ts";
import type { JobBucket, JobBuckets } from "./job-buckets.ts";
import { leastServed } from "./least-served.ts";
import type { OrderedQueue } from "./order-queue.ts";
import { type Amounts, type ProjectNode, projectTree } from "./project-tree.ts";
import type { ProjectShare } from "./queueing-policy.ts";
import { asked, coversGpus, overLimit } from "./quota.ts";

/**
 * Highest priority first; in it, jobs that their project's guarantee covers; then the project that used least for its
 * weight, level by level down the tree; in a project by age. Every placement counts at once, so equal projects take turns
 * and an array of a thousand tasks waits behind another project's single job.
 */
export function fairQueue(
  projects: readonly ProjectShare[],
  totals: Amounts,
  holdings: Iterable<Holding>,
  buckets: JobBuckets,
): Omit<OrderedQueue, "promised"> {
  const tree = projectTree(projects, totals);
  for (const { project, user, jobs, gpuMillis, cpuMillis, memoryBytes } of holdings)
    tree.hold(tree.of(project), user, { gpus: gpuMillis / WHOLE_GPU_MILLIS, cpuMillis, memoryBytes }, jobs);
  const levels = fairLevels(buckets, (job) => tree.of(job.project));
  const began = [...levels];
  let current: (LaneHead & { bucket: JobBucket }) | undefined;

  const next = (): PendingJob | undefined => {
    current?.leaf.taken();
    for (let level = levels[0]; level !== undefined; level = levels[0]) {
      const sure = contenders(level.leaves, (leaf) => leaf.oldestCovered());
      const best = leastServed(sure.length > 0 ? sure : contenders(level.leaves, (leaf) => leaf.oldest()), tree.ratio);
      const taken = best?.lane.jobs.take();
      if (best !== undefined && taken !== undefined) {
        current = { ...best, bucket: taken.bucket };
        return taken.job;
      }
      levels.shift();
    }
    current = undefined;
    return undefined;
  };
  return {
    next,
    key: () => current?.bucket.key,
    tellRest: (reason, into) => current?.lane.jobs.tellRest(reason, into),
    placed: (job) => tree.hold(tree.of(job.project), job.user ?? "", asked(job)),
    overLimit: (job) => overLimit(tree.of(job.project), job),
    withinGuarantee: (job) => coversGpus(tree.of(job.project), asked(job).gpus),
    standing: (job) => {
      const node = tree.of(job.project);
      const { share, entitled } = tree.standing(node);
      const first = leastServedSibling(node, tree.ratio, (other) => hasJobs(began, other, job.priority));
      const after = first === null || share <= entitled ? "" : `, so after ${first.share.name}'s jobs`;
      return current === undefined ? null : `${node.share.name} has share ${share.toFixed(2)} of ${entitled.toFixed(2)}${after}`;
    },
  };
}

function contenders(leaves: readonly Leaf[], firstOf: (leaf: Leaf) => LaneHead | undefined): LaneHead[] {
  const found: LaneHead[] = [];
  for (const leaf of leaves) {
    const first = firstOf(leaf);
    if (first !== undefined) found.push(first);
  }
  return found;
}

/** Whether jobs of the project, or of one below it, of this priority or a higher one wait when the cycle begins. */
function hasJobs(levels: readonly Level[], project: ProjectNode, priority: number): boolean {
  return levels.some((level) => level.priority >= priority && level.leaves.some((leaf) => leaf.project.path.includes(project)));
}

function leastServedSibling(
  node: ProjectNode,
  ratio: (node: ProjectNode) => number,
  waits: (node: ProjectNode) => boolean,
): ProjectNode | null {
  const others = (node.parent?.children ?? []).filter((other) => other !== node && ratio(other) < ratio(node) && waits(other));
  return others.sort((left, right) => ratio(left) - ratio(right) || (left.share.name < right.share.name ? -1 : 1))[0] ?? null;
}
