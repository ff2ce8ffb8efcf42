import type { ReplicaEntry } from "../replica-entry.ts";
import type { StepContext } from "./context.ts";

/** Container first, record last: a crash in between leaves a record of an end, which is removed at the next look. */
export async function removeReplica(context: StepContext, entry: ReplicaEntry): Promise<void> {
  entry.activity = "remove";
  try {
    context.forgetLog(entry.containerId);
    await context.engine.remove(entry.containerId);
    await context.table.drop(entry.containerId);
  } finally {
    entry.activity = null;
  }
}
