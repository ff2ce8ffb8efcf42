import type { ReplicaEntry } from "../replica-entry.ts";
import type { StepContext } from "./context.ts";

const LOOK_MS = 200;

/** Asks the program to save its state while it goes on; whether it did shows at the next syncs. */
export async function requestCheckpoint(context: StepContext, entry: ReplicaEntry): Promise<void> {
  const { checkpoint } = entry.record;
  if (checkpoint == null) return;
  entry.checkpointAskedMs = context.bootTimeMs();
  await context.engine.signal(entry.containerId, checkpoint.signal);
}

/**
 * Before a stop that the program is not to blame for: asks for a checkpoint and waits until it is acknowledged, the program
 * has ended, the grace is over, or nobody wants to wait any more (the job was cancelled). When it was asked is on disk first:
 * an agent that dies meanwhile gives the next one what is left of the grace, not a new one.
 */
export async function awaitCheckpoint(context: StepContext, entry: ReplicaEntry): Promise<void> {
  const { engine, table } = context;
  const { checkpoint } = entry.record;
  if (checkpoint == null || !entry.checkpointFirst || checkpoint.graceSeconds === 0) return;
  const asked = entry.record.checkpointAsked ?? { atMs: context.bootTimeMs(), seen: await engine.checkpointAt(entry.containerId) };
  if (entry.record.checkpointAsked == null) await table.update(entry, { checkpointAsked: asked });
  entry.message = `saving a checkpoint (${checkpoint.signal}, at most ${checkpoint.graceSeconds} s)`;
  await engine.signal(entry.containerId, checkpoint.signal);
  const until = asked.atMs + checkpoint.graceSeconds * 1000;
  while (entry.checkpointFirst && context.bootTimeMs() < until && engine.get(entry.containerId)?.state === "running") {
    const at = await engine.checkpointAt(entry.containerId);
    if (at !== null && at !== asked.seen) {
      entry.checkpointAt = at;
      return;
    }
    // Rejects when the agent stops: the container goes on, and the next agent waits on.
    await context.clock.sleep(LOOK_MS, context.signal);
  }
}
