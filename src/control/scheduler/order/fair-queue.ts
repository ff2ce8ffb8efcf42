import { gpuCountText, gpusCounted } from "../../../shared/domain/index.ts";
import type { ActiveJob, ClusterSnapshot, PendingJob } from "../snapshot.ts";
import { comparePending } from "./compare-pending.ts";
import type { OrderedQueue } from "./order-queue.ts";
import { type Amounts, ancestors, type ProjectNode, projectTree } from "./project-tree.ts";
import type { ProjectLimits, ProjectShare } from "./queueing-policy.ts";

/** Parts of GPUs add up to whole ones but for the last bits of a double. */
const ROUNDING = 1e-9;

/** The jobs of one priority: each project's own by the GPUs they ask, the oldest last. */
interface Level {
  waiting: Map<ProjectNode, Map<number, PendingJob[]>>;
}

/**
 * Highest priority first; in it, jobs that their project's guarantee covers; then the project that used least for its
 * weight, level by level down the tree; in a project by age. Every placement counts at once, so equal projects take turns
 * and an array of a thousand tasks waits behind another project's single job.
 */
export function fairQueue(snapshot: ClusterSnapshot, projects: readonly ProjectShare[]): OrderedQueue {
  const tree = projectTree(projects, snapshot);
  for (const job of snapshot.active) tree.hold(tree.of(job.project), job.user ?? "", heldBy(job));
  const levels = levelsOf(snapshot.pending, (job) => tree.of(job.project));
  let last: ProjectNode | null = null;
  const withinGuarantee = (job: PendingJob) => covered(tree.of(job.project), job);

  const next = (): PendingJob | undefined => {
    for (;;) {
      const level = levels[0];
      if (level === undefined) return undefined;
      const leaves = [...level.waiting.keys()];
      if (leaves.length === 0) {
        levels.shift();
        continue;
      }
      const sure = leaves.filter((leaf) => oldest(level, leaf, "covered") !== undefined);
      const which = sure.length > 0 ? "covered" : "all";
      const head = (leaf: ProjectNode) => oldest(level, leaf, which) as PendingJob;
      const leaf = leastServed(sure.length > 0 ? sure : leaves, tree.root, tree.ratio, head);
      last = leaf;
      return take(level, leaf, head(leaf));
    }
  };
  return {
    next,
    placed: (job) => tree.hold(tree.of(job.project), job.user ?? "", asked(job)),
    overLimit: (job) => overLimit(tree.of(job.project), job),
    withinGuarantee,
    standing: (job) => {
      const node = tree.of(job.project);
      const { share, entitled } = tree.standing(node);
      const first = leastServedSibling(node, tree.ratio);
      const after = first === null || share <= entitled ? "" : `, so after ${first.share.name}'s jobs`;
      return last === null ? null : `${node.share.name} has share ${share.toFixed(2)} of ${entitled.toFixed(2)}${after}`;
    },
  };
}

/** The project's oldest job, or the oldest that its guarantee covers. A project asks for few different numbers of GPUs. */
function oldest(level: Level, leaf: ProjectNode, which: "all" | "covered"): PendingJob | undefined {
  let best: PendingJob | undefined;
  for (const [gpus, jobs] of level.waiting.get(leaf) ?? []) {
    const job = jobs.at(-1);
    if (job === undefined || (which === "covered" && !coversGpus(leaf, gpus))) continue;
    if (best === undefined || comparePending(job, best) < 0) best = job;
  }
  return best;
}

function take(level: Level, leaf: ProjectNode, job: PendingJob): PendingJob {
  const bySize = level.waiting.get(leaf);
  const { gpus } = asked(job);
  const jobs = bySize?.get(gpus);
  jobs?.pop();
  if (jobs?.length === 0) bySize?.delete(gpus);
  if (bySize?.size === 0) level.waiting.delete(leaf);
  return job;
}

/** From the root down, always into the child that used least for its weight; the older job decides between equals. */
function leastServed(
  leaves: readonly ProjectNode[],
  root: ProjectNode,
  ratio: (node: ProjectNode) => number,
  head: (leaf: ProjectNode) => PendingJob,
): ProjectNode {
  let [at, open] = [root, leaves];
  for (;;) {
    // A project may have jobs of its own beside its children's: it then competes with them.
    let best: { branch: ProjectNode; ratio: number; leaf: ProjectNode } | null = null;
    for (const leaf of open) {
      const branch = branchOf(leaf, at);
      const value = ratio(branch);
      const better = best === null || value < best.ratio || (value === best.ratio && comparePending(head(leaf), head(best.leaf)) < 0);
      if (better) best = { branch, ratio: value, leaf };
    }
    if (best === null || best.branch === best.leaf || best.branch === at) return best?.leaf ?? root;
    const chosen = best.branch;
    at = chosen;
    open = open.filter((leaf) => leaf === chosen || ancestors(leaf).includes(chosen));
  }
}

/** The child of `at` that leads to the leaf; the leaf itself when it is `at`. */
function branchOf(leaf: ProjectNode, at: ProjectNode): ProjectNode {
  let branch = leaf;
  while (branch !== at && branch.parent !== at && branch.parent !== null) branch = branch.parent;
  return branch;
}

function leastServedSibling(node: ProjectNode, ratio: (node: ProjectNode) => number): ProjectNode | null {
  const others = (node.parent?.children ?? []).filter((other) => other !== node && ratio(other) < ratio(node));
  return others.sort((left, right) => ratio(left) - ratio(right) || (left.share.name < right.share.name ? -1 : 1))[0] ?? null;
}

function levelsOf(pending: readonly PendingJob[], leafOf: (job: PendingJob) => ProjectNode): Level[] {
  const levels = new Map<number, Level>();
  // Oldest last, so that taking one is a pop.
  for (const job of [...pending].sort((left, right) => comparePending(right, left))) {
    const level = levels.get(job.priority) ?? { waiting: new Map() };
    levels.set(job.priority, level);
    const leaf = leafOf(job);
    const bySize = level.waiting.get(leaf) ?? new Map<number, PendingJob[]>();
    level.waiting.set(leaf, bySize);
    const { gpus } = asked(job);
    const jobs = bySize.get(gpus);
    if (jobs === undefined) bySize.set(gpus, [job]);
    else jobs.push(job);
  }
  return [...levels].sort(([left], [right]) => right - left).map(([, level]) => level);
}

export function asked({ resources, replicas }: PendingJob): Amounts {
  return {
    gpus: gpusCounted(resources) * replicas,
    cpuMillis: resources.cpuMillis * replicas,
    memoryBytes: resources.memoryBytes * replicas,
  };
}

function heldBy({ resources, assignments }: ActiveJob): Amounts {
  const gpus = gpusCounted(resources) * assignments.length;
  return { gpus, cpuMillis: resources.cpuMillis * assignments.length, memoryBytes: resources.memoryBytes * assignments.length };
}

function covered(node: ProjectNode, job: PendingJob): boolean {
  return coversGpus(node, asked(job).gpus);
}

function coversGpus(node: ProjectNode, gpus: number): boolean {
  return gpus > 0 && node.held.gpus + gpus <= node.share.guaranteedGpus + ROUNDING;
}

function overLimit(leaf: ProjectNode, job: PendingJob): string | null {
  const { gpus } = asked(job);
  const user = job.user ?? "";
  for (const node of [leaf, ...ancestors(leaf)]) {
    const { limits, name } = node.share;
    const mine = leaf.users.get(user) ?? { gpus: 0, jobs: 0 };
    const over =
      exceeds(`project ${name}`, "gpus", limits, node.held.gpus, gpus) ??
      exceeds(`project ${name}`, "jobs", limits, node.jobs, 1) ??
      (node !== leaf ? null : exceeds(`user ${user} in project ${name}`, "gpusPerUser", limits, mine.gpus, gpus)) ??
      (node !== leaf ? null : exceeds(`user ${user} in project ${name}`, "jobsPerUser", limits, mine.jobs, 1));
    if (over !== null) return over;
  }
  return null;
}

function exceeds(who: string, limit: keyof ProjectLimits, limits: ProjectLimits, used: number, more: number): string | null {
  const most = limits[limit];
  if (most === null || more === 0 || used + more <= most + ROUNDING) return null;
  const what = limit.startsWith("gpus") ? "GPUs" : "jobs";
  return `${who} may hold ${most} ${what}; it holds ${gpuCountText(used)} and this job asks ${gpuCountText(more)}`;
}
