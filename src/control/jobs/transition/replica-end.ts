import type { Attempt, ReplicaStatus } from "../../../shared/domain/index.ts";

/** Only an exit code of 0 that was seen: a container that was lost or stopped has not succeeded, whatever its code. */
export function succeeded(replica: ReplicaStatus): boolean {
  return replica.cause === "exited" && replica.exitCode === 0;
}

/** True when the machine, not the program, ended it. */
export function interrupted(replica: ReplicaStatus): boolean {
  return replica.cause === "lost" || replica.cause === "lease-expired";
}

/**
 * The replica that decided how the attempt ended: the first to fail by its own doing, else the first that did not
 * succeed, else rank 0. Node clocks differ a little; ties and unknown times go to the lower rank.
 */
export function decisiveReplica(attempt: Attempt): ReplicaStatus | undefined {
  const failed = attempt.replicas.filter((replica) => !succeeded(replica)).sort(byEnd);
  return failed.find((replica) => replica.cause !== "stopped" && !interrupted(replica)) ?? failed[0] ?? attempt.replicas[0];
}

function byEnd(left: ReplicaStatus, right: ReplicaStatus): number {
  const [leftEnd, rightEnd] = [left.finishedAt ?? Number.MAX_SAFE_INTEGER, right.finishedAt ?? Number.MAX_SAFE_INTEGER];
  return leftEnd - rightEnd || left.rank - right.rank;
}
