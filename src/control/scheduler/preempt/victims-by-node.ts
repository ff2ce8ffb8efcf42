import type { FreeNode } from "../feasible/free-capacity.ts";
import type { ActiveJob } from "../snapshot.ts";
import type { FutureNodes } from "./give-back.ts";
import { gpusOf } from "./may-preempt.ts";

/** A running job that may have to make room, and what losing it costs. */
export interface Victim {
  job: ActiveJob;
  cost: number;
  /** Cost of one of its GPUs; infinite without any. */
  costPerGpu: number;
  /** Somebody has chosen it already: nobody else can. */
  gone: boolean;
}

/** Node id -> its victims, the cheapest first. */
export type VictimsByNode = ReadonlyMap<string, readonly Victim[]>;

/** Where victims are sought, and among whom. */
export interface VictimSearch {
  entries: readonly FreeNode[];
  /** Knows every one of the entries, and perhaps more. */
  byId: Pick<FutureNodes, "get">;
  victims: VictimsByNode;
  allowed(victim: ActiveJob): boolean;
}

export function victimsByNode(jobs: readonly ActiveJob[], costOf: (job: ActiveJob) => number): VictimsByNode {
  const victims = jobs.map((job): Victim => {
    const [cost, gpus] = [costOf(job), gpusOf(job)];
    return { job, cost, costPerGpu: gpus > 0 ? cost / gpus : Number.POSITIVE_INFINITY, gone: false };
  });
  const onNode = new Map<string, Victim[]>();
  for (const victim of victims.sort((one, other) => one.cost - other.cost || (one.job.id < other.job.id ? -1 : 1))) {
    for (const nodeId of nodesOf(victim.job)) {
      const known = onNode.get(nodeId);
      if (known === undefined) onNode.set(nodeId, [victim]);
      else known.push(victim);
    }
  }
  return onNode;
}

function nodesOf({ assignments }: ActiveJob): Iterable<string> {
  const first = assignments[0];
  if (first !== undefined && assignments.length === 1) return [first.nodeId];
  return new Set(assignments.map(({ nodeId }) => nodeId));
}
