import type { PendingJob } from "../snapshot.ts";
import { type BucketHeap, createBucketHeap } from "./bucket-heap.ts";
import { comparePending } from "./compare-pending.ts";
import type { JobBuckets } from "./job-buckets.ts";
import type { ProjectNode } from "./project-tree.ts";
import { asked, coversGpus } from "./quota.ts";

/** A project's waiting jobs of one priority that ask for the same number of GPUs in all. */
export interface Lane {
  gpus: number;
  /** The oldest first. */
  jobs: BucketHeap;
}

/** Where a project's next job is, and which it is. */
export interface LaneHead {
  leaf: Leaf;
  project: ProjectNode;
  lane: Lane;
  head: PendingJob;
}

/** A project's waiting jobs of one priority. A project asks for few different numbers of GPUs. */
export interface Leaf {
  project: ProjectNode;
  /** The oldest job; undefined when none is left. */
  oldest(): LaneHead | undefined;
  /** The oldest that the project's guarantee covers. */
  oldestCovered(): LaneHead | undefined;
  /** To be called when a job was taken. */
  taken(): void;
}

/** The jobs of one priority. */
export interface Level {
  priority: number;
  leaves: Leaf[];
}

/** The buckets by priority, highest first, then project, then GPUs. */
export function fairLevels(buckets: JobBuckets, projectOf: (job: PendingJob) => ProjectNode): Level[] {
  const levels = new Map<number, Map<ProjectNode, Map<number, BucketHeap>>>();
  for (const bucket of buckets.all()) {
    const head = bucket.jobs[0];
    if (head === undefined) continue;
    const ofPriority = getOr(levels, head.priority, () => new Map());
    const ofProject = getOr(ofPriority, projectOf(head), () => new Map<number, BucketHeap>());
    getOr(ofProject, asked(head).gpus, () => createBucketHeap(comparePending)).add(bucket);
  }
  return [...levels]
    .sort(([left], [right]) => right - left)
    .map(([priority, ofPriority]) => ({
      priority,
      leaves: [...ofPriority].map(([project, lanes]) =>
        leafOf(
          project,
          [...lanes].map(([gpus, jobs]) => ({ gpus, jobs })),
        ),
      ),
    }));
}

/** Remembers its first jobs until one is taken, or the project holds more: then its guarantee may cover fewer. */
function leafOf(project: ProjectNode, lanes: readonly Lane[]): Leaf {
  let oldest: LaneHead | null | undefined = null;
  let covered: { first: LaneHead | undefined; jobs: number } | null = null;
  const oldestOf = (some: readonly Lane[]): LaneHead | undefined => {
    let best: LaneHead | undefined;
    for (const lane of some) {
      const head = lane.jobs.head();
      if (head !== undefined && (best === undefined || comparePending(head, best.head) < 0)) best = { leaf, project, lane, head };
    }
    return best;
  };
  const leaf: Leaf = {
    project,
    oldest: () => {
      if (oldest === null) oldest = oldestOf(lanes);
      return oldest;
    },
    oldestCovered: () => {
      if (project.held.gpus >= project.share.guaranteedGpus) return undefined;
      if (covered === null || covered.jobs !== project.jobs) {
        const sure = lanes.filter(({ gpus }) => coversGpus(project, gpus));
        covered = { first: oldestOf(sure), jobs: project.jobs };
      }
      return covered.first;
    },
    taken: () => {
      oldest = null;
      covered = null;
    },
  };
  return leaf;
}

function getOr<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
