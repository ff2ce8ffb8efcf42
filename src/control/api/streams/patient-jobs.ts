import { type Clock, isBerthError, pause } from "../../../shared/domain/index.ts";
import type { JobStore } from "../../jobs/index.ts";

const TRY_EVERY_MS = 500;

/**
 * The store for a stream that is already open: while Redis is away it waits instead of failing, so that whoever follows a
 * job through a restart of Redis notices nothing. Gives up when the signal aborts (the reader left, or the process stops).
 */
export function patientJobs(jobs: JobStore, clock: Clock, signal: AbortSignal): JobStore {
  const patiently = async <T>(ask: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!isBerthError(error, "redis_unavailable") || signal.aborted) throw error;
        await pause(clock, TRY_EVERY_MS, signal);
      }
    }
  };
  const waiting: Pick<JobStore, "get" | "events" | "changed"> = {
    get: (id) => patiently(() => jobs.get(id)),
    events: (id, after) => patiently(() => jobs.events(id, after)),
    changed: (id, timeoutMs, until) => patiently(() => jobs.changed(id, timeoutMs, until)),
  };
  return new Proxy(jobs, {
    get: (target, name) => (name === "get" || name === "events" || name === "changed" ? waiting[name] : Reflect.get(target, name)),
  });
}
