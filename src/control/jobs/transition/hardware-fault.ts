import type { Assignment, Attempt, AvoidedHardware, HardwareVerdict, Job, ReplicaStatus } from "../../../shared/domain/index.ts";

/** GPU -> what ails it, as its node told in the same report. */
export type SickGpus = Readonly<Record<string, string>>;

const MOST_AVOIDED = 32;
const GPU_START_ERROR = /^(gpu_unavailable|gpu_injection_failed)\b/;
/** Something of the node is in the way that no device of it is to blame for. */
const NODE_START_ERROR = /^port_unavailable\b/;

/**
 * Whether the machine is to blame for a replica that failed; null when nothing says so. A sick GPU is blamed itself; a
 * failed start is blamed on the one GPU that can have caused it, else on the node.
 */
export function hardwareVerdict(replica: ReplicaStatus, { gpuUuids }: Assignment, sick: SickGpus): HardwareVerdict | null {
  const failed = replica.state === "exited" && !(replica.cause === "exited" && replica.exitCode === 0) && replica.cause !== "stopped";
  if (!failed) return null;
  const sickOne = gpuUuids.find((uuid) => Object.hasOwn(sick, uuid));
  if (sickOne !== undefined) return { gpuUuid: sickOne, why: sick[sickOne] ?? "unhealthy" };
  const message = replica.message ?? "";
  if (replica.cause !== "start-failed") return null;
  if (NODE_START_ERROR.test(message)) return { gpuUuid: null, why: message.slice(0, 200) };
  if (!GPU_START_ERROR.test(message)) return null;
  const named = gpuUuids.find((uuid) => message.includes(uuid)) ?? (gpuUuids.length === 1 ? gpuUuids[0] : undefined);
  return { gpuUuid: named ?? null, why: message.slice(0, 200) };
}

/** Whether the machine kept a replica from starting. */
export function isFailedStart({ cause, hardware }: ReplicaStatus): boolean {
  return cause === "start-failed" && hardware !== undefined;
}

/** What the job should keep away from next time; newest last. */
export function avoidedAfter(job: Job, attempt: Attempt, now: number): AvoidedHardware[] {
  const fresh = attempt.replicas.flatMap(({ rank, hardware }) => {
    const nodeId = attempt.assignments.find((assignment) => assignment.rank === rank)?.nodeId;
    return hardware === undefined || nodeId === undefined ? [] : [{ nodeId, ...hardware, at: now }];
  });
  const unlike = (old: AvoidedHardware) => !fresh.some(({ nodeId, gpuUuid }) => nodeId === old.nodeId && gpuUuid === old.gpuUuid);
  const distinct = fresh.filter(
    (fault, place) => fresh.findIndex(({ nodeId, gpuUuid }) => nodeId === fault.nodeId && gpuUuid === fault.gpuUuid) === place,
  );
  return [...(job.avoid ?? []).filter(unlike), ...distinct].slice(-MOST_AVOIDED);
}

/** The hardware that the change blames anew: what the ledger of its node is charged with. */
export function newFaults(before: Job, after: Job): AvoidedHardware[] {
  const known = new Set((before.avoid ?? []).map((fault) => JSON.stringify(fault)));
  return (after.avoid ?? []).filter((fault) => !known.has(JSON.stringify(fault)));
}
