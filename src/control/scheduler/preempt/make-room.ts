import type { Assignment } from "../../../shared/domain/index.ts";
import { type FreeNode, take } from "../feasible/free-capacity.ts";
import type { Request } from "../feasible/request.ts";
import { indexCandidates } from "../place/candidate-index.ts";
import { placeGang } from "../place/place-gang.ts";
import type { ActiveJob, ClusterSnapshot, PendingJob, Preemption } from "../snapshot.ts";
import { chooseVictims } from "./choose-victims.ts";
import { copyNodes, type FutureNodes, giveBack } from "./give-back.ts";
import type { LeavingJobs } from "./leaving-jobs.ts";
import type { PreemptionRules } from "./may-preempt.ts";
import { createMostRoom, type MostRoom } from "./most-room.ts";
import { type Victim, type VictimsByNode, victimsByNode } from "./victims-by-node.ts";

/** Jobs of a pass that may look for victims: each look costs a walk over the nodes. */
const LOOKS_A_PASS = 64;

export interface Room {
  preemptions: Preemption[];
  /** Kept for the job until it starts. */
  nodeIds: string[];
}

export interface RoomMaker {
  /** `admitted` are the nodes the job's rules admit. Null when no allowed victims make enough room. */
  makeRoomFor(job: PendingJob, request: Request, admitted: () => readonly FreeNode[]): Room | null;
  /** False when `makeRoomFor` will find none for the job, nor for its like, for the rest of the pass. */
  mayHelp(job: PendingJob, request: Request): boolean;
  /** Books the job where it was promised room; false when it will not fit there once all that stops has ended. */
  keepRoomFor(job: PendingJob, request: Request, promised: readonly FreeNode[]): boolean;
  /** Tells it of a job that starts in this pass. */
  placed(job: PendingJob, assignments: readonly Assignment[]): void;
}

/**
 * Looks at the nodes as they will be when all that is being stopped has ended. What was promised to one job is booked
 * there, so the next one does not count on it, and a job whose victims are still ending asks for no more of them.
 */
export function createRoomMaker(
  snapshot: ClusterSnapshot,
  rules: PreemptionRules,
  free: readonly FreeNode[],
  leaving: LeavingJobs,
): RoomMaker {
  let losers: readonly ActiveJob[] | null = null;
  const gone = new Set<string>();
  const hopeless = new Set<string>();
  /** Group of claims -> the strongest that has nobody left to push out. */
  const powerless = new Map<string, number>();
  let soon: { nodes: FutureNodes; places: readonly FreeNode[] } | null = null;
  let known: { victims: VictimsByNode; most: MostRoom } | null = null;
  let looks = 0;

  const candidates = () => {
    losers ??= snapshot.active.filter((job) => job.stopping !== true && rules.mayLose(job));
    return losers;
  };
  const future = () => {
    if (soon === null) {
      const nodes = copyNodes(free);
      soon = { nodes, places: [...nodes.values()] };
      for (const job of leaving.stopping()) giveBack(nodes, job);
    }
    return soon;
  };
  const stays = ({ id }: ActiveJob) => !gone.has(id);
  const hasVictims = (job: PendingJob) => {
    const { group, strength } = rules.claim(job);
    if (strength <= (powerless.get(group) ?? Number.NEGATIVE_INFINITY)) return false;
    if (candidates().some((victim) => rules.mayPushOut(job, victim) && stays(victim))) return true;
    powerless.set(group, strength);
    return false;
  };
  const hasPatience = (job: PendingJob) =>
    rules.outwaits(job) && candidates().some((victim) => rules.mayOutwait(job, victim) && stays(victim));
  const inFuture = (entries: readonly FreeNode[]) => {
    const { places } = future();
    return entries.map(({ position }) => places[position] as FreeNode);
  };
  const victimsNow = () => {
    if (known === null) {
      const { nodes, places } = future();
      const victims = victimsByNode(candidates(), rules.cost, nodes, rules.resists);
      known = { victims, most: createMostRoom(places, victims) };
    }
    return known;
  };
  const changed = (nodeId: string) => {
    const entry = soon?.nodes.get(nodeId);
    if (entry !== undefined) known?.most.changed(entry);
  };
  const choose = (entries: readonly FreeNode[], request: Request, strength: number, allowed: (victim: ActiveJob) => boolean) => {
    return chooseVictims({ entries, byId: future().nodes, victims: victimsNow().victims, allowed, strength }, request);
  };
  /** `allowed`: they are to stop; else they are waited for. */
  const seek = (entries: readonly FreeNode[], request: Request, job: PendingJob): { chosen: Victim[]; allowed: boolean } | null => {
    const { strength } = rules.claim(job);
    const allowed = choose(entries, request, strength, (victim) => rules.mayPushOut(job, victim));
    if (allowed !== null) return { chosen: allowed, allowed: true };
    const outwaited = rules.outwaits(job) ? choose(entries, request, strength, (victim) => rules.mayOutwait(job, victim)) : null;
    return outwaited === null ? null : { chosen: outwaited, allowed: false };
  };
  const bookIn = (entries: readonly FreeNode[], request: Request, job: PendingJob) => {
    const booked: FreeNode[] = [];
    const assignments = placeGang(
      () => entries,
      () => indexCandidates(entries, request, []),
      request,
      job.id,
      booked,
    );
    for (const { node } of booked) changed(node.id);
    return assignments;
  };
  return {
    mayHelp: (job, request) => looks < LOOKS_A_PASS && rules.mayAsk(job) && !hopeless.has(claimKey(job, request)),
    makeRoomFor: (job, request, admitted) => {
      if (looks >= LOOKS_A_PASS || !rules.mayAsk(job) || hopeless.has(claimKey(job, request))) return null;
      if (leaving.stopping().length === 0 && gone.size === 0 && !hasVictims(job) && !hasPatience(job)) return null;
      looks += 1;
      const entries = victimsNow().most.mayFit(request, rules.claim(job).strength) ? inFuture(admitted()) : null;
      const found = entries === null ? null : seek(entries, request, job);
      if (entries === null || found === null) {
        hopeless.add(claimKey(job, request));
        return null;
      }
      const { chosen } = found;
      leaving.ask(chosen.map(({ job: victim }) => victim));
      for (const victim of chosen) {
        victim.gone = true;
        gone.add(victim.job.id);
        giveBack(future().nodes, victim.job);
        for (const { nodeId } of victim.job.assignments) changed(nodeId);
      }
      const assignments = bookIn(entries, request, job) ?? [];
      const stopped = found.allowed ? chosen : [];
      const preemptions = stopped.map((victim) => ({ jobId: victim.job.id, forJobId: job.id, ...rules.why(job) }));
      return { preemptions, nodeIds: [...new Set(assignments.map(({ nodeId }) => nodeId))] };
    },
    keepRoomFor: (job, request, promised) => bookIn(inFuture(promised), request, job) !== null,
    placed: (job, assignments) => {
      for (const { nodeId, gpuUuids } of assignments) {
        const entry = soon?.nodes.get(nodeId);
        if (entry === undefined) continue;
        take(entry, job, job.resources, gpuUuids);
        changed(nodeId);
      }
    },
  };
}

/** Jobs that ask alike for one project: what nobody is stopped for, nobody is for the next of them. */
function claimKey({ project = "" }: PendingJob, { key }: Request): string {
  return `${key} ${project}`;
}
