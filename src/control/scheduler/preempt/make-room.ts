import type { Assignment } from "../../../shared/domain/index.ts";
import { gangFits } from "../feasible/fit-gang.ts";
import { type FreeNode, take } from "../feasible/free-capacity.ts";
import { replicasThatFit, roomFor } from "../feasible/replica-fit.ts";
import type { Request } from "../feasible/request.ts";
import { indexCandidates } from "../place/candidate-index.ts";
import { placeGang } from "../place/place-gang.ts";
import type { ActiveJob, ClusterSnapshot, PendingJob, Preemption } from "../snapshot.ts";
import { copyNode, copyNodes, type FutureNodes, giveBack } from "./give-back.ts";
import type { PreemptionRules } from "./may-preempt.ts";

/** Jobs of a pass that may look for victims: each look costs a walk over the nodes. */
const LOOKS_A_PASS = 64;

export interface Room {
  preemptions: Preemption[];
  /** Kept for the job until it starts. */
  nodeIds: string[];
}

export interface RoomMaker {
  /** `admitted` are the nodes the job's rules admit. Null when no allowed victims make enough room. */
  makeRoomFor(job: PendingJob, request: Request, admitted: readonly FreeNode[]): Room | null;
  /** Books the job where it was promised room; false when it will not fit there once all that stops has ended. */
  keepRoomFor(job: PendingJob, request: Request, promised: readonly FreeNode[]): boolean;
  /** Tells it of a job that starts in this pass. */
  placed(job: PendingJob, assignments: readonly Assignment[]): void;
}

/**
 * Looks at the nodes as they will be when all that is being stopped has ended. What was promised to one job is booked
 * there, so the next one does not count on it, and a job whose victims are still ending asks for no more of them.
 */
export function createRoomMaker(snapshot: ClusterSnapshot, rules: PreemptionRules, free: readonly FreeNode[]): RoomMaker {
  const stopping = snapshot.active.filter((job) => job.stopping === true);
  const running = snapshot.active.filter((job) => job.stopping !== true);
  const gone = new Set<string>();
  const hopeless = new Set<string>();
  let soon: FutureNodes | null = null;
  let looks = 0;

  const future = () => {
    if (soon === null) {
      soon = copyNodes(free);
      for (const job of stopping) giveBack(soon, job);
    }
    return soon;
  };
  const outwaited = (job: PendingJob) => running.filter((victim) => !gone.has(victim.id) && rules.mayOutwait(job, victim));
  const inFuture = (entries: readonly FreeNode[]) => entries.flatMap(({ node }) => future().get(node.id) ?? []);
  const bookIn = (entries: readonly FreeNode[], request: Request, job: PendingJob) =>
    placeGang(entries, () => indexCandidates(entries, request, []), request, job.id, []);
  return {
    makeRoomFor: (job, request, admitted) => {
      const key = `${request.key} ${job.project ?? ""}`;
      if (hopeless.has(key) || !rules.mayAsk(job) || looks >= LOOKS_A_PASS) return null;
      const victims = running.filter((victim) => !gone.has(victim.id) && rules.mayPushOut(job, victim));
      if (victims.length === 0 && stopping.length === 0 && gone.size === 0 && outwaited(job).length === 0) return null;
      looks += 1;
      const entries = inFuture(admitted);
      const allowed = chooseVictims(entries, request, victims, rules);
      const chosen = allowed ?? chooseVictims(entries, request, outwaited(job), rules);
      if (chosen === null) {
        hopeless.add(key);
        return null;
      }
      for (const victim of chosen) {
        gone.add(victim.id);
        giveBack(future(), victim);
      }
      const assignments = bookIn(entries, request, job) ?? [];
      const stopped = allowed === null ? [] : chosen;
      const preemptions = stopped.map((victim) => ({ jobId: victim.id, forJobId: job.id, ...rules.why(job) }));
      return { preemptions, nodeIds: [...new Set(assignments.map(({ nodeId }) => nodeId))] };
    },
    keepRoomFor: (job, request, promised) => bookIn(inFuture(promised), request, job) !== null,
    placed: (job, assignments) => {
      for (const { nodeId, gpuUuids } of assignments) {
        const entry = soon?.get(nodeId);
        if (entry !== undefined) take(entry, job, job.resources, gpuUuids);
      }
    },
  };
}

type Costs = Pick<PreemptionRules, "cost">;

/** The cheapest victims, node by node, until the gang fits; then without those it fits without. Null when it never fits. */
export function chooseVictims(
  entries: readonly FreeNode[],
  request: Request,
  victims: readonly ActiveJob[],
  rules: Costs,
): ActiveJob[] | null {
  const nodes = copyNodes(entries);
  const all = [...nodes.values()];
  const onNode = victimsByNode(victims, nodes, rules);
  const chosen = new Set<ActiveJob>();
  while (!gangFits(all, request)) {
    const best = cheapestStep(all, request, onNode, chosen, rules);
    if (best === null) return null;
    for (const victim of best) {
      chosen.add(victim);
      giveBack(nodes, victim);
    }
    if (chosen.size === victims.length && !gangFits(all, request)) return null;
  }
  return withoutNeedless(entries, request, [...chosen], rules);
}

function victimsByNode(victims: readonly ActiveJob[], nodes: FutureNodes, rules: Costs): Map<string, ActiveJob[]> {
  const onNode = new Map<string, ActiveJob[]>();
  const cheapestFirst = [...victims].sort((one, other) => rules.cost(one) - rules.cost(other) || (one.id < other.id ? -1 : 1));
  for (const victim of cheapestFirst) {
    for (const nodeId of new Set(victim.assignments.map((assignment) => assignment.nodeId))) {
      if (nodes.has(nodeId)) onNode.set(nodeId, [...(onNode.get(nodeId) ?? []), victim]);
    }
  }
  return onNode;
}

/** The victims of one node that give room for at least one replica more, over all nodes the cheapest per replica. */
function cheapestStep(
  entries: readonly FreeNode[],
  request: Request,
  onNode: ReadonlyMap<string, ActiveJob[]>,
  chosen: ReadonlySet<ActiveJob>,
  rules: Costs,
): ActiveJob[] | null {
  let best: { victims: ActiveJob[]; cost: number } | null = null;
  for (const entry of entries) {
    const here = (onNode.get(entry.node.id) ?? []).filter((victim) => !chosen.has(victim));
    if (here.length === 0) continue;
    const step = stepOn(entry, request, here, rules);
    if (step !== null && (best === null || step.cost < best.cost)) best = step;
  }
  return best?.victims ?? null;
}

function stepOn(entry: FreeNode, request: Request, here: readonly ActiveJob[], rules: Costs) {
  const copy = new Map([[entry.node.id, copyNode(entry)]]);
  const node = copy.get(entry.node.id) as FreeNode;
  const before = replicasThatFit(node, request, request.replicas);
  const victims: ActiveJob[] = [];
  for (const victim of here) {
    giveBack(copy, victim);
    victims.push(victim);
    if (replicasThatFit(node, request, request.replicas) > before) {
      const needed = thin(entry, request, victims, before + 1);
      return { victims: needed, cost: needed.reduce((sum, one) => sum + rules.cost(one), 0) };
    }
  }
  return null;
}

/** Without the victims of the node, dearest first, that so many replicas fit without. */
function thin(entry: FreeNode, request: Request, victims: readonly ActiveJob[], replicas: number): ActiveJob[] {
  let kept = [...victims];
  for (const victim of [...victims].reverse()) {
    const without = kept.filter((other) => other !== victim);
    const copy = new Map([[entry.node.id, copyNode(entry)]]);
    for (const other of without) giveBack(copy, other);
    if (roomFor([...copy.values()], request, replicas) >= replicas) kept = without;
  }
  return kept;
}

function withoutNeedless(entries: readonly FreeNode[], request: Request, chosen: ActiveJob[], rules: Costs): ActiveJob[] {
  if (chosen.length < 2) return chosen;
  let kept = chosen;
  for (const victim of [...chosen].sort((one, other) => rules.cost(other) - rules.cost(one) || (one.id < other.id ? -1 : 1))) {
    const without = kept.filter((other) => other !== victim);
    const nodes = copyNodes(entries);
    for (const other of without) giveBack(nodes, other);
    if (gangFits([...nodes.values()], request)) kept = without;
  }
  return kept;
}
