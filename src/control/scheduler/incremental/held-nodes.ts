import { type FreeNode, freeNodes } from "../feasible/free-capacity.ts";
import { isOpen } from "../feasible/node-blocker.ts";
import type { ActiveJob, ClusterSnapshot, NodeCapacity } from "../snapshot.ts";
import { difference } from "./difference.ts";

/** Nodes replaced at once before all is built anew. */
const FEW = 64;

/** The ready, open nodes less what active jobs hold, kept from cycle to cycle. */
export interface HeldNodes {
  /** By position; not to be booked on. */
  all(): readonly FreeNode[];
  /** The active jobs on the node, in no order. */
  on(nodeId: string): Iterable<ActiveJob>;
  /** A copy to book on, and to give back. */
  lend(): FreeNode[];
  /** The nodes that were booked on are made what they were. */
  takeBack(booked: Iterable<FreeNode>): void;
  /**
   * Takes over the snapshot's nodes and active jobs. "anew": positions and everything may have changed; else the entries
   * that were made anew, in place, and whether a node itself is another.
   */
  look(snapshot: Pick<ClusterSnapshot, "nodes" | "active">): "anew" | { touched: FreeNode[]; nodesChanged: boolean };
}

/** Empty until the first `look`. What is lent and not given back (a cycle that threw) is simply copied anew. */
export function createHeldNodes(): HeldNodes {
  let nodes: readonly NodeCapacity[] = [];
  let active: readonly ActiveJob[] = [];
  let base: FreeNode[] = [];
  let byId = new Map<string, FreeNode>();
  let holders = new Map<string, Set<ActiveJob>>();
  let lent: FreeNode[] = [];
  /** The copy that came back; null while it is lent, or was never given back. */
  let spare: FreeNode[] | null = null;

  const hold = (job: ActiveJob, touched?: Set<string>) => {
    for (const { nodeId } of job.assignments) {
      touched?.add(nodeId);
      const jobs = holders.get(nodeId);
      if (jobs === undefined) holders.set(nodeId, new Set([job]));
      else jobs.add(job);
    }
  };
  const release = (job: ActiveJob, touched: Set<string>) => {
    for (const { nodeId } of job.assignments) {
      holders.get(nodeId)?.delete(job);
      touched.add(nodeId);
    }
  };
  const rebuild = (snapshot: Pick<ClusterSnapshot, "nodes" | "active">) => {
    ({ nodes, active } = snapshot);
    base = freeNodes(nodes.filter(isOpen), active);
    byId = new Map(base.map((entry) => [entry.node.id, entry]));
    holders = new Map();
    for (const job of active) hold(job);
    spare = null;
  };
  const refresh = (nodeId: string): FreeNode[] => {
    const entry = byId.get(nodeId);
    if (entry === undefined) return [];
    const only = [...(holders.get(nodeId) ?? [])].map((job) => ({
      ...job,
      assignments: job.assignments.filter((assignment) => assignment.nodeId === nodeId),
    }));
    const [fresh] = freeNodes([entry.node], only);
    if (fresh === undefined) return [];
    Object.assign(entry, fresh, { position: entry.position });
    copyInto(spare?.[entry.position], entry);
    return [entry];
  };
  /** False when nodes came, went, opened or closed: the positions are others then. */
  const replaceNodes = (change: { removed: NodeCapacity[]; added: NodeCapacity[] }, touched: Set<string>): boolean => {
    const { removed, added } = change;
    if (removed.length !== added.length || added.length > FEW) return false;
    const before = new Map(removed.map((node) => [node.id, node]));
    if (!added.every((node) => before.has(node.id) && isOpen(node) === isOpen(before.get(node.id) as NodeCapacity))) return false;
    for (const node of added) {
      const entry = byId.get(node.id);
      if (entry !== undefined) entry.node = node;
      touched.add(node.id);
    }
    return true;
  };

  return {
    all: () => base,
    on: (nodeId) => holders.get(nodeId) ?? [],
    lend: () => {
      lent = spare ?? base.map((entry) => ({ ...entry, version: 0 }));
      spare = null;
      return lent;
    },
    takeBack: (booked) => {
      for (const entry of booked) copyInto(entry, base[entry.position]);
      spare = lent;
    },
    look: (snapshot) => {
      const touched = new Set<string>();
      const other = difference(nodes, snapshot.nodes);
      if (other !== null && !replaceNodes(other, touched)) {
        rebuild(snapshot);
        return "anew";
      }
      nodes = snapshot.nodes;
      const change = difference(active, snapshot.active);
      active = snapshot.active;
      for (const job of change?.removed ?? []) release(job, touched);
      for (const job of change?.added ?? []) hold(job, touched);
      return { touched: [...touched].flatMap(refresh), nodesChanged: other !== null };
    },
  };
}

function copyInto(entry: FreeNode | undefined, from: FreeNode | undefined): void {
  if (entry !== undefined && from !== undefined) Object.assign(entry, from, { version: 0 });
}
