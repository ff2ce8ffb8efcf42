import type { ReplicaEntry } from "../replica-entry.ts";
import type { StepContext } from "./context.ts";
import { awaitCheckpoint } from "./request-checkpoint.ts";

/**
 * A checkpoint, when the control plane wants it first; then SIGTERM, grace, SIGKILL. Why is on disk before SIGTERM, so that an
 * agent that dies in between (and the next one, which stops it again) still tells the true cause. What ends by itself while its
 * checkpoint is waited for has its own cause, see report.ts.
 */
export async function stopReplica(
  context: StepContext,
  entry: ReplicaEntry,
  graceSeconds: number,
  cause: "stopped" | "time-limit",
): Promise<void> {
  entry.activity = "stop";
  try {
    if (cause === "stopped") await awaitCheckpoint(context, entry);
    if (context.engine.get(entry.containerId)?.state === "exited") return;
    if (entry.record.ending === null) await context.table.update(entry, { ending: { cause, at: context.clock.now() } });
    entry.message = cause === "time-limit" ? `time limit of ${entry.record.timeLimitSeconds} s reached` : "stopping";
    await context.engine.stop(entry.containerId, graceSeconds);
    if (cause === "stopped") entry.message = null;
  } finally {
    entry.activity = null;
  }
}
