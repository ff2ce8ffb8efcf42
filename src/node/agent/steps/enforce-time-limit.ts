import type { ReplicaEntry } from "../replica-entry.ts";
import type { StepContext } from "./context.ts";
import { stopReplica } from "./stop-replica.ts";

/** The time limit is the node's own duty: it strikes on time with the control plane away. */
export function enforceTimeLimit(context: StepContext, entry: ReplicaEntry, graceSeconds: number): Promise<void> {
  return stopReplica(context, entry, graceSeconds, "time-limit");
}
