import type { Assignment } from "../../../shared/domain/index.ts";
import { type FreeNode, freeNodes, take } from "../feasible/free-capacity.ts";
import type { BlockerKind } from "../feasible/node-blocker.ts";
import { replicasThatFit } from "../feasible/replica-fit.ts";
import { requestOf } from "../feasible/request.ts";
import { missingBytes } from "../score/missing-layers.ts";
import type { ClusterSnapshot, PendingJob, Plan } from "../snapshot.ts";
import { withWindows } from "../time/windows.ts";
import { estimateStart, type StartOutlook } from "./estimate-start.ts";
import { nodeVerdict } from "./node-verdict.ts";
import { type StartingChange, startingChanges } from "./starting-changes.ts";
import { count, listed } from "./words.ts";

type Decide = (snapshot: ClusterSnapshot, now: number) => Plan;

/** Nodes that cannot take one replica for the same reason. */
export interface BlockedNodes {
  kind: BlockerKind;
  nodes: number;
  detail: string;
  /** A few of them, by name. */
  examples: string[];
}

/** The complete proof: every node either has room (for so many replicas) or stands in `blocked`. */
export interface Explanation extends StartOutlook {
  jobId: string;
  /** Where the next pass places it; null when it waits. */
  assignments: Assignment[] | null;
  /** The reason of the plan; null when it starts. */
  reason: string | null;
  /** "12 nodes: 5 busy until 14:20 UTC (job 81), 4 driver 535 < 550, 3 have 3 of 4 GPUs free". */
  proof: string;
  nodes: number;
  /** Replicas the nodes have room for now, under no order, reservation or topology. */
  roomForReplicas: number;
  blocked: BlockedNodes[];
  /** Most that a node it starts on must fetch of its image's large layers, bytes; null where that is not known, or it waits. */
  pullBytes: number | null;
  /** Verified by deciding again with the change; the cheapest first. Empty when it starts, or none of the tried ones helps. */
  changes: StartingChange[];
}

const EXAMPLES = 5;

/**
 * Explains one pending job of the snapshot from the same decision that the scheduler makes. Pure.
 * Returns null when the job is not pending in the snapshot.
 */
export function explainJob(decide: Decide, asked: ClusterSnapshot, now: number, jobId: string): Explanation | null {
  const snapshot = withWindows(asked, now);
  const job = snapshot.pending.find(({ id }) => id === jobId);
  if (job === undefined) return null;
  const plan = decide(snapshot, now);
  const placement = plan.placements.find((one) => one.jobId === jobId) ?? null;
  const entries = freeAfter(snapshot, plan, jobId);
  const { blocked, room } = judgeNodes(entries, snapshot, job, now);
  return {
    jobId,
    assignments: placement?.assignments ?? null,
    reason: plan.reasons.find((one) => one.jobId === jobId)?.reason ?? null,
    proof: proofText(entries.length, blocked, room),
    nodes: entries.length,
    roomForReplicas: room.replicas,
    blocked,
    ...estimateStart(decide, asked, now, jobId, plan),
    pullBytes: pullBytes(snapshot, job, placement?.assignments ?? []),
    changes: placement === null ? startingChanges(decide, asked, now, job, entries) : [],
  };
}

function pullBytes({ nodes }: ClusterSnapshot, { imageLayers }: PendingJob, assignments: readonly Assignment[]): number | null {
  if (imageLayers === undefined || assignments.length === 0) return null;
  const chosen = new Set(assignments.map(({ nodeId }) => nodeId));
  return Math.max(...nodes.filter(({ id }) => chosen.has(id)).map((node) => missingBytes(imageLayers, node.imageLayers)));
}

/** What is left when everybody else of the plan has started: the job itself sees this at best. */
function freeAfter(snapshot: ClusterSnapshot, plan: Plan, jobId: string): FreeNode[] {
  const entries = freeNodes(snapshot.nodes, snapshot.active);
  const byId = new Map(entries.map((entry) => [entry.node.id, entry]));
  const pending = new Map(snapshot.pending.map((job) => [job.id, job]));
  for (const placement of plan.placements) {
    const holder = pending.get(placement.jobId);
    if (placement.jobId === jobId || holder === undefined) continue;
    for (const { nodeId, gpuUuids } of placement.assignments) {
      const entry = byId.get(nodeId);
      if (entry !== undefined) take(entry, holder, holder.resources, gpuUuids);
    }
  }
  return entries;
}

function judgeNodes(entries: readonly FreeNode[], snapshot: ClusterSnapshot, job: PendingJob, now: number) {
  const request = requestOf(job);
  const byJob = new Map(snapshot.active.flatMap(({ id, endsAt }) => (endsAt === undefined ? [] : [[id, endsAt] as const])));
  const groups = new Map<string, BlockedNodes>();
  const room = { nodes: 0, replicas: 0 };
  for (const entry of entries) {
    const verdict = nodeVerdict(entry, request, { now, byJob });
    if (verdict === null) {
      room.nodes += 1;
      room.replicas += replicasThatFit(entry, request, job.replicas);
      continue;
    }
    const group = groups.get(verdict.detail) ?? { ...verdict, nodes: 0, examples: [] };
    groups.set(verdict.detail, group);
    group.nodes += 1;
    if (group.examples.length < EXAMPLES) group.examples.push(entry.node.name);
  }
  const blocked = [...groups.values()].sort((left, right) => right.nodes - left.nodes || (left.detail < right.detail ? -1 : 1));
  return { blocked, room };
}

function proofText(nodes: number, blocked: readonly BlockedNodes[], room: { nodes: number; replicas: number }): string {
  if (nodes === 0) return "no node has joined yet";
  const roomy = room.nodes === 0 ? [] : [`${room.nodes} with room (for ${count(room.replicas, "replica")})`];
  const texts = blocked.map(({ nodes: number, detail }) => `${number} ${number === 1 ? detail.replace(/^have /, "has ") : detail}`);
  return `${count(nodes, "node")}: ${listed([...roomy, ...texts], 12)}`;
}
