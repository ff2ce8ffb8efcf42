import type { FreeNode } from "../feasible/free-capacity.ts";
import type { ActiveJob } from "../snapshot.ts";
import type { FutureNodes } from "./give-back.ts";
import { gpusOf } from "./may-preempt.ts";

/** A running job that may have to make room, and what losing it costs. */
export interface Victim {
  job: ActiveJob;
  cost: number;
  /** No claim weaker than this may be made on it. */
  resists: number;
  /** Cost of one of its GPUs; infinite without any. */
  costPerGpu: number;
  /** Somebody has chosen it already: nobody else can. */
  gone: boolean;
}

/** The victims of one node, and what holds for any of them: enough to pass over most nodes without a look at each job. */
export interface NodeVictims {
  /** The cheapest first. */
  victims: Victim[];
  /** GPUs, parts of GPUs and MIG devices that each of them holds here. */
  held: number[];
  /** What they hold here together. */
  units: number;
  /** The least cost of one of their GPUs. */
  leastPerGpu: number;
  /** The least that any of them resists. */
  resists: number;
  /** Some hold parts of GPUs: the last holder frees all of a GPU for a part of the price. */
  parts: boolean;
}

/** By the position of the node. */
export type VictimsByNode = readonly (NodeVictims | undefined)[];

/** Where victims are sought, and among whom. */
export interface VictimSearch {
  entries: readonly FreeNode[];
  /** Knows every one of the entries, and perhaps more. */
  byId: Pick<FutureNodes, "get">;
  victims: VictimsByNode;
  allowed(victim: ActiveJob): boolean;
  /** `allowed` allows nobody who resists more. */
  strength: number;
}

/** `byId` knows the nodes that are looked at. */
export function victimsByNode(
  jobs: readonly ActiveJob[],
  costOf: (job: ActiveJob) => number,
  byId: Pick<FutureNodes, "get">,
  resists: (job: ActiveJob) => number = () => 0,
): VictimsByNode {
  const victims = jobs.map((job): Victim => {
    const [cost, gpus] = [costOf(job), gpusOf(job)];
    return { job, cost, resists: resists(job), costPerGpu: gpus > 0 ? cost / gpus : Number.POSITIVE_INFINITY, gone: false };
  });
  const onNode: (NodeVictims | undefined)[] = [];
  for (const victim of victims.sort((one, other) => one.cost - other.cost || (one.job.id < other.job.id ? -1 : 1))) {
    for (const { nodeId, gpuUuids } of victim.job.assignments) {
      const position = byId.get(nodeId)?.position;
      if (position === undefined) continue;
      const here = onNode[position] ?? nobody();
      onNode[position] = here;
      add(here, victim, gpuUuids.length);
    }
  }
  return onNode;
}

/** Those of a node that may be chosen; null when nobody of them may. */
export function victimsLeft({ victims, held }: NodeVictims, mayGo: (victim: Victim) => boolean): NodeVictims | null {
  let left: NodeVictims | null = null;
  for (let place = 0; place < victims.length; place += 1) {
    const victim = victims[place] as Victim;
    if (!mayGo(victim)) continue;
    left ??= nobody();
    add(left, victim, held[place] ?? 0);
  }
  return left;
}

function nobody(): NodeVictims {
  return { victims: [], held: [], units: 0, leastPerGpu: Number.POSITIVE_INFINITY, resists: Number.POSITIVE_INFINITY, parts: false };
}

function add(here: NodeVictims, victim: Victim, units: number): void {
  // A gang's replicas on one node come one after the other.
  const last = here.victims.length - 1;
  if (here.victims[last] === victim) here.held[last] = (here.held[last] ?? 0) + units;
  else {
    here.victims.push(victim);
    here.held.push(units);
  }
  here.units += units;
  here.leastPerGpu = Math.min(here.leastPerGpu, victim.costPerGpu);
  here.resists = Math.min(here.resists, victim.resists);
  here.parts ||= victim.job.resources.gpuShare !== undefined;
}
