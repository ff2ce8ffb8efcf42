import type { ClusterSnapshot } from "../snapshot.ts";
import { NO_LIMITS, type ProjectShare } from "./queueing-policy.ts";

export const DEFAULT_PROJECT = "default";

/** Hours that what a project holds now counts as if it had used it already: reacts to the present, not only to the past. */
const PRESENT_HOURS = 1;

export interface Amounts {
  gpus: number;
  cpuMillis: number;
  memoryBytes: number;
}

/** A project with what it and all below it hold. */
export interface ProjectNode {
  share: ProjectShare;
  parent: ProjectNode | null;
  children: ProjectNode[];
  /** It and the projects above it, without the root. */
  path: ProjectNode[];
  held: Amounts;
  /** Decayed usage of it and all below it. */
  usage: number;
  /** Usage and what is held now together; null when something has been held since it was counted. */
  effective: number | null;
  jobs: number;
  /** User -> what the user's jobs of this very project hold. */
  users: Map<string, { gpus: number; jobs: number }>;
}

export interface ProjectTree {
  root: ProjectNode;
  /** Made on the spot for a project nobody configured: weight 1, no quota. */
  of(name: string | undefined): ProjectNode;
  /** `jobs`: how many hold it together, 1 when not given. */
  hold(node: ProjectNode, user: string, amounts: Amounts, jobs?: number): void;
  /** Usage over weight: whoever has the least among siblings goes first. */
  ratio(node: ProjectNode): number;
  /** What part of its siblings' use it has, and what part it should have. */
  standing(node: ProjectNode): { share: number; entitled: number };
}

/** The projects below one root. A parent that is missing or part of a cycle counts as the root: shares stay defined whatever is stored. */
export function projectTree(shares: readonly ProjectShare[], total: Amounts): ProjectTree {
  const root = nodeOf({ name: "", parent: null, weight: 1, guaranteedGpus: 0, limits: NO_LIMITS, usage: 0 }, null);
  const nodes = hierarchy(shares, root);
  const of = (name = DEFAULT_PROJECT) => {
    const known = nodes.get(name);
    if (known !== undefined) return known;
    const made = nodeOf({ name, parent: null, weight: 1, guaranteedGpus: 0, limits: NO_LIMITS, usage: 0 }, root);
    made.path = [made];
    nodes.set(name, made);
    root.children.push(made);
    return made;
  };
  const effective = (node: ProjectNode) => {
    node.effective ??= node.usage + dominantShare(node.held, total) * PRESENT_HOURS;
    return node.effective;
  };
  return {
    root,
    of,
    hold: (node, user, amounts, jobs = 1) => {
      holdAsUser(node, user, amounts, jobs);
      for (const above of node.path) holdMore(above, amounts, jobs);
    },
    ratio: (node) => effective(node) / node.share.weight,
    standing: (node) => {
      const siblings = node.parent?.children ?? [node];
      const used = siblings.reduce((sum, sibling) => sum + effective(sibling), 0);
      const weights = siblings.reduce((sum, sibling) => sum + sibling.share.weight, 0);
      return { share: used === 0 ? 0 : effective(node) / used, entitled: node.share.weight / weights };
    },
  };
}

function hierarchy(shares: readonly ProjectShare[], root: ProjectNode): Map<string, ProjectNode> {
  const nodes = new Map<string, ProjectNode>();
  for (const share of [...shares].sort((left, right) => (left.name < right.name ? -1 : 1))) nodes.set(share.name, nodeOf(share, root));
  for (const node of nodes.values()) {
    const parent = node.share.parent === null ? undefined : nodes.get(node.share.parent);
    node.parent = parent === undefined || parent === node || ancestors(parent).includes(node) ? root : parent;
  }
  for (const node of nodes.values()) {
    node.parent?.children.push(node);
    node.path = [node, ...ancestors(node).filter((above) => above !== root)];
    for (const above of node.path) above.usage += node.share.usage;
  }
  return nodes;
}

function holdAsUser({ users }: ProjectNode, user: string, { gpus }: Amounts, jobs: number): void {
  const mine = users.get(user);
  if (mine === undefined) {
    users.set(user, { gpus, jobs });
    return;
  }
  mine.gpus += gpus;
  mine.jobs += jobs;
}

function holdMore(node: ProjectNode, amounts: Amounts, jobs: number): void {
  node.held.gpus += amounts.gpus;
  node.held.cpuMillis += amounts.cpuMillis;
  node.held.memoryBytes += amounts.memoryBytes;
  node.jobs += jobs;
  node.effective = null;
}

function ancestors(node: ProjectNode): ProjectNode[] {
  const above: ProjectNode[] = [];
  for (let at = node.parent; at !== null && !above.includes(at); at = at.parent) above.push(at);
  return above;
}

/** The largest part of any one resource: a job without GPUs pays for its CPUs (dominant resource fairness). */
export function dominantShare(amounts: Amounts, total: Amounts): number {
  return Math.max(part(amounts.gpus, total.gpus), part(amounts.cpuMillis, total.cpuMillis), part(amounts.memoryBytes, total.memoryBytes));
}

function part(some: number, all: number): number {
  return all > 0 ? some / all : 0;
}

/** What all nodes have, whatever their state: a node that is away must not raise everybody's share. */
export function totalsOf({ nodes }: Pick<ClusterSnapshot, "nodes">): Amounts {
  const total = { gpus: 0, cpuMillis: 0, memoryBytes: 0 };
  for (const node of nodes) {
    total.gpus += node.gpus.length;
    total.cpuMillis += node.cpuMillis;
    total.memoryBytes += node.memoryBytes;
  }
  return total;
}

function nodeOf(share: ProjectShare, parent: ProjectNode | null): ProjectNode {
  const held = { gpus: 0, cpuMillis: 0, memoryBytes: 0 };
  return { share, parent, children: [], path: [], held, usage: 0, effective: null, jobs: 0, users: new Map() };
}
