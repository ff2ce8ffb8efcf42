import { isTerminal, type JobEvent } from "../../shared/domain/index.ts";
import type { JobStore } from "./job-store.ts";

const POLL_MS = 2000;

/**
 * The job's history from the event id `after` (null: from the start), then what follows as it happens. Ends when the
 * job is terminal and its last event was given, or when the signal aborts.
 */
export async function* followEvents(
  store: JobStore,
  jobId: string,
  after: string | null,
  signal: AbortSignal,
): AsyncGenerator<JobEvent, void> {
  let cursor = after;
  while (!signal.aborted) {
    // The state is read before the events: a terminal state then means that its event is among those read after it.
    const job = await store.get(jobId);
    const fresh = await store.events(jobId, cursor);
    for (const event of fresh) {
      cursor = event.id;
      yield event;
    }
    if (fresh.length > 0) continue;
    if (job === null || isTerminal(job.state)) return;
    await store.changed(jobId, POLL_MS, signal);
  }
}
