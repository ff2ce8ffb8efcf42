import type { PendingJob } from "../snapshot.ts";
import { comparePending } from "./compare-pending.ts";
import type { ProjectNode } from "./project-tree.ts";

/** A project with its first job. */
export interface Contender {
  project: ProjectNode;
  head: PendingJob;
}

/** From the root down, always into the child that used least for its weight; the older job decides between equals. */
export function leastServed<One extends Contender>(contenders: readonly One[], ratio: (node: ProjectNode) => number): One | undefined {
  let open = contenders;
  for (let depth = 0; ; depth += 1) {
    // A project may have jobs of its own beside its children's: it then competes with them.
    let best: { branch: ProjectNode; ratio: number; of: One } | null = null;
    for (const of of open) {
      const branch = branchAt(of.project, depth);
      const value = ratio(branch);
      const better = best === null || value < best.ratio || (value === best.ratio && comparePending(of.head, best.of.head) < 0);
      if (better) best = { branch, ratio: value, of };
    }
    if (best === null || best.branch === best.of.project) return best?.of;
    const { branch } = best;
    open = open.filter(({ project }) => branchAt(project, depth) === branch);
  }
}

/** The project at this depth above it, 0 being a child of the root; itself when it is not so deep. */
function branchAt(project: ProjectNode, depth: number): ProjectNode {
  return project.path[project.path.length - 1 - depth] ?? project;
}
