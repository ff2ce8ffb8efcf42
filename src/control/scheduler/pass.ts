import { couldServe } from "./explain/no-room.ts";
import { gangFits } from "./feasible/fit-gang.ts";
import { emptyNodes, type FreeNode, freeNodes } from "./feasible/free-capacity.ts";
import { isOpen, nodeBlocker, ruleBlocker, windowBlocker } from "./feasible/node-blocker.ts";
import { mayServe, replicasThatFit } from "./feasible/replica-fit.ts";
import { type Request, replicaKey, requestKey, requestOf, rulesKey } from "./feasible/request.ts";
import type { CycleMemory } from "./incremental/cycle-memory.ts";
import { type CandidateIndex, indexCandidates } from "./place/candidate-index.ts";
import type { PresentRoom } from "./preempt/future-room.ts";
import { clusterShapes } from "./score/cluster-shapes.ts";
import { createNodeRanker } from "./score/rank-nodes.ts";
import type { ClusterSnapshot, PendingJob, PendingReason } from "./snapshot.ts";
import type { KnownEnds } from "./time/reserve.ts";

/** All jobs that ask alike. What one of them cannot have now, none can later in the pass: room only shrinks. */
export interface RequestClass extends Request {
  /** Equal for classes that the same nodes admit. */
  rules: string;
  failed: boolean;
  /** No running job's end makes room for it: nor will it for the next, for nodes are only ever taken. */
  unreservable: boolean;
  /** The reason of all its further jobs, once nothing can change it any more in this pass. */
  settled: Omit<PendingReason, "jobId"> | null;
  /** A job of it holds every node it could use. */
  holds: boolean;
  /** Ready, open nodes that its rules admit, with what is left of them. */
  admitted: FreeNode[];
  room: RoomForOne;
  /** Those of `admitted` that nothing holds, good while as many are held. */
  open: { nodes: FreeNode[]; held: number } | null;
  /** Its text when no state of the known nodes could run it, or only nodes that are away could: the same for all its jobs. */
  hopeless: Omit<PendingReason, "jobId"> | null | undefined;
  /** The text on its lack of room, good while `changed` is as long. */
  noRoom: { text: string; at: number } | null;
}

/** Where one replica finds room: the same for all classes whose replicas ask alike. */
interface RoomForOne {
  /** Admitted nodes that had room when it was first asked: others never get any in this pass. */
  roomy: FreeNode[] | null;
  index: CandidateIndex | null;
}

/** Nodes that the precise reasons of a pass walk over. */
const PRECISE_NODES = 100_000;

/** Nodes booked in a pass beyond which what is remembered of their jobs' ends says little. */
const MOST_BOOKED = 256;

/** Jobs named in texts as being before another. */
const WAITING_REMEMBERED = 1000;

/** The state of one scheduling pass. */
export interface Pass {
  /** `key` is the job's own request key, where it is known. */
  classOf(job: PendingJob, key?: string): RequestClass;
  /** Nodes a job of the class may be placed on now. */
  openNodes(request: RequestClass): FreeNode[];
  indexOf(request: RequestClass): CandidateIndex;
  /** Of `admitted`, those where the class may find room now; with a topology rule, all of them. */
  worthATry(request: RequestClass): readonly FreeNode[];
  /** What `openNodes` have room for. */
  presentRoom(request: RequestClass): PresentRoom;
  /** What the cycles before left of the room that comes by itself; null without any, or when too much was placed since. */
  knownEnds(request: RequestClass): KnownEnds | null;
  /** Nodes booked in this pass, in order. */
  changed: FreeNode[];
  /** Admitted nodes as if nothing ran: those that are ready and open, or all. */
  emptyNodes(request: RequestClass, which: "ready" | "all"): FreeNode[];
  /** Every node as if nothing ran. */
  everything(): FreeNode[];
  skipped(job: PendingJob, request: RequestClass): void;
  /** Keeps every node the job could use from those behind it. */
  holdFor(job: PendingJob, request: RequestClass): void;
  /** Keeps these nodes from the jobs behind it, but for those that end before `until`. */
  hold(job: PendingJob, nodeIds: readonly string[], until: number): void;
  /** Nodes a job of the class may be placed on when it ends by then: reserved ones too, until their reservation begins. */
  openUntil(request: RequestClass, endsBy: number): FreeNode[];
  /** Every ready, open node with what is left of it. */
  free: readonly FreeNode[];
  /** Node id -> its entry in `free`. */
  byId(): ReadonlyMap<string, FreeNode>;
  /** Node id -> the job it is held for. */
  held: Map<string, PendingJob>;
  /** Jobs passed over that the ready nodes could run, first ones only. */
  waiting: PendingJob[];
  /** Nodes of `admitted` that could run a replica if they were empty. */
  serversOf(request: RequestClass): FreeNode[];
  /**
   * Jobs further back get `behind` for a reason: a precise one would be rewritten at every change of the jobs before them,
   * and costs a walk over the nodes. `berth explain` gives everybody the whole proof.
   */
  precise: number;
  behind: string;
  /** Leaves what it has learnt to the next pass. */
  end(): void;
}

/** Borrows the free nodes of the memory, where there is one, until `end`. */
export function startPass(snapshot: ClusterSnapshot, memory?: CycleMemory): Pass {
  const free = memory?.free() ?? freeNodes(snapshot.nodes.filter(isOpen), snapshot.active);
  const keyOf: CycleMemory["keyOf"] = memory?.keyOf ?? requestKey;
  const rooms = new Map<string, RoomForOne>();
  const rankFor = createNodeRanker(snapshot, () => memory?.shapes() ?? clusterShapes(free));
  const classes = new Map<string, RequestClass>();
  const changed: FreeNode[] = [];
  const held = new Map<string, PendingJob>();
  /** By position in `free`. */
  const heldAt: boolean[] = [];
  const heldUntil = new Map<string, number>();
  const waiting: PendingJob[] = [];
  const admissions = new Map<string, FreeNode[]>();
  const masks = new Map<string, Uint8Array>();
  const empties = memory?.empties ?? new Map<string, FreeNode[]>();
  const avoiding = new Map<string, RequestClass>();
  let everything: FreeNode[] | null = null;
  let byId: ReadonlyMap<string, FreeNode> | null = null;

  const all = () => {
    everything ??= memory?.everything() ?? emptyNodes(snapshot.nodes);
    return everything;
  };
  const classOf = (job: PendingJob, key = keyOf(job)): RequestClass => {
    if (job.avoid === undefined || job.avoid.length === 0) return classes.get(key) ?? classAsAsked(job, key);
    return remembered(avoiding, key, () => {
      const made = classAsAsked(job);
      // Nobody waits for ever for other hardware than there is: with no other place, the one that failed may try again.
      return gangFits(emptyFor(made, "ready"), made) ? made : classAsAsked({ ...job, avoid: [] });
    });
  };
  const admittedNodes = (job: PendingJob, rules: string) =>
    memory === undefined ? free.filter(({ node }) => nodeBlocker(node, job) === null) : nodesAt(free, memory.admitted(job, rules));
  const classAsAsked = (job: PendingJob, key = keyOf(job)): RequestClass => {
    const known = classes.get(key);
    if (known !== undefined) return known;
    const rules = rulesKey(job);
    const admitted = remembered(admissions, rules, () => admittedNodes(job, rules));
    const made: RequestClass = {
      ...requestOf(job, key),
      rules,
      failed: memory?.knownToFail(key) ?? false,
      unreservable: false,
      settled: null,
      holds: false,
      admitted,
      room: remembered(rooms, replicaKey(job), () => ({ roomy: null, index: null })),
      open: null,
      hopeless: memory?.hopeless.get(key),
      noRoom: null,
    };
    Object.assign(made, rankFor(made));
    classes.set(key, made);
    return made;
  };
  const idAt = () => {
    byId ??= new Map(free.map((entry) => [entry.node.id, entry]));
    return byId;
  };
  const holdNode = (nodeId: string, job: PendingJob) => {
    held.set(nodeId, job);
    const entry = idAt().get(nodeId);
    if (entry !== undefined) heldAt[entry.position] = true;
  };
  const isHeld = ({ position }: FreeNode) => heldAt[position] === true;
  const openNodes = (request: RequestClass) => {
    if (held.size === 0) return request.admitted;
    if (request.open?.held !== held.size) request.open = { nodes: request.admitted.filter((entry) => !isHeld(entry)), held: held.size };
    return request.open.nodes;
  };
  const roomyNodes = (request: RequestClass) => {
    const known = memory?.candidates(request.key);
    request.room.roomy ??=
      known === undefined ? request.admitted.filter((entry) => replicasThatFit(entry, request, 1) > 0) : nodesAt(free, known);
    return request.room.roomy;
  };
  /** By position, 1 for the nodes that these rules admit. */
  const admits = ({ rules, admitted }: RequestClass) =>
    remembered(masks, rules, () => {
      const mask = new Uint8Array(free.length);
      for (const { position } of admitted) mask[position] = 1;
      return mask;
    });
  const presentRoom = (request: RequestClass): PresentRoom => {
    const rooms = new Float64Array(free.length);
    const roomy: FreeNode[] = [];
    let total = 0;
    for (const entry of roomyNodes(request)) {
      const room = isHeld(entry) ? 0 : replicasThatFit(entry, request, request.replicas);
      if (room === 0) continue;
      rooms[entry.position] = room;
      roomy.push(entry);
      total += room;
    }
    const mask = admits(request);
    const isMember = (entry: FreeNode) => mask[entry.position] === 1 && !isHeld(entry) && mayServe(entry, request);
    return { request, entries: () => openNodes(request), roomy, isMember, rooms, total, byId: idAt() };
  };
  /** A rule on racks counts the racks without room too. */
  const worthATry = (request: RequestClass) => (hasTopology(request.job) ? request.admitted : roomyNodes(request));
  const emptyFor = ({ job, rules }: RequestClass, which: "ready" | "all") =>
    remembered(empties, `${which} ${rules}`, () =>
      all().filter(
        ({ node }) => (which === "all" || (isOpen(node) && windowBlocker(node, job) === null)) && ruleBlocker(node, job) === null,
      ),
    );

  const precise = Math.min(100, Math.max(10, Math.floor(PRECISE_NODES / Math.max(1, free.length))));

  return {
    classOf,
    precise,
    behind: `behind more than ${precise} jobs of the same or higher priority`,
    serversOf: (request) => {
      const known = memory?.servers.get(request.key);
      if (known !== undefined) return nodesAt(free, known);
      const servers = request.admitted.filter((entry) => couldServe(entry, request));
      memory?.servers.set(
        request.key,
        servers.map(({ position }) => position),
      );
      return servers;
    },
    end: () => {
      if (memory === undefined) return;
      for (const { key, hopeless } of classes.values()) if (hopeless !== undefined) memory.hopeless.set(key, hopeless);
      memory.learn([...classes.values()]);
      memory.restore(changed);
    },
    openNodes,
    indexOf: (request) => {
      request.room.index ??= indexCandidates(roomyNodes(request), request, changed, isHeld);
      return request.room.index;
    },
    worthATry,
    presentRoom,
    knownEnds: (request) => {
      if (memory === undefined || changed.length > MOST_BOOKED) return null;
      return { coming: memory.coming(request), booked: new Set(changed), nodes: free, endingOn: memory.endingOn };
    },
    changed,
    emptyNodes: emptyFor,
    everything: all,
    skipped: (job, request) => {
      if (waiting.length < WAITING_REMEMBERED && request.hopeless === null) waiting.push(job);
    },
    holdFor: (job, request) => {
      if (request.holds) return;
      request.holds = true;
      // Only a job that the ready nodes could run holds them: waiting for one that cannot start would idle them for nothing.
      const empty = emptyFor(request, "ready").filter(({ node }) => !held.has(node.id));
      if (request.hopeless !== null || !gangFits(emptyFor(request, "ready"), request)) return;
      for (const entry of empty) if (replicasThatFit(entry, request, 1) === 1) holdNode(entry.node.id, job);
    },
    hold: (job, nodeIds, until) => {
      for (const nodeId of nodeIds) {
        if (held.has(nodeId)) continue;
        holdNode(nodeId, job);
        heldUntil.set(nodeId, until);
      }
    },
    openUntil: (request, endsBy) => worthATry(request).filter((entry) => !isHeld(entry) || endsBy <= (heldUntil.get(entry.node.id) ?? 0)),
    free,
    byId: idAt,
    held,
    waiting,
  };
}

function nodesAt(nodes: readonly FreeNode[], positions: readonly number[]): FreeNode[] {
  const found: FreeNode[] = [];
  for (const position of positions) {
    const entry = nodes[position];
    if (entry !== undefined) found.push(entry);
  }
  return found;
}

function hasTopology({ rules }: PendingJob): boolean {
  return rules !== undefined && (rules.sameLabel !== null || rules.spreadLabel !== null);
}

function remembered<T>(memory: Map<string, T>, key: string, make: () => T): T {
  const known = memory.get(key);
  if (known !== undefined) return known;
  const made = make();
  memory.set(key, made);
  return made;
}
