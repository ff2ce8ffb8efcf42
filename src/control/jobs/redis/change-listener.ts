import type { Redis } from "ioredis";

/** Wakes those who wait for a job's next change. Messages may be lost with the connection, so every wait has an end. */
export interface ChangeListener {
  changed(jobId: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Uses `subscriber` alone: a subscribed connection takes no other commands. */
export function listenForChanges(subscriber: Redis, channel: string): ChangeListener {
  const waiting = new Map<string, Set<() => void>>();
  const wake = (jobId: string) => {
    for (const resolve of waiting.get(jobId) ?? []) resolve();
  };
  const wakeAll = () => {
    for (const jobId of [...waiting.keys()]) wake(jobId);
  };
  subscriber.on("message", (_channel, jobId) => wake(jobId));
  // What happened while it was away is unknown: everybody looks again. ioredis subscribes again by itself later on.
  subscriber.on("ready", () => void subscriber.subscribe(channel).then(wakeAll, () => {}));
  if (subscriber.status === "ready") void subscriber.subscribe(channel).catch(() => {});
  return {
    changed: (jobId, timeoutMs, signal) => {
      if (signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          remove(waiting, jobId, done);
          resolve();
        };
        const timer = setTimeout(done, timeoutMs);
        signal.addEventListener("abort", done);
        const waiters = waiting.get(jobId) ?? new Set();
        waiting.set(jobId, waiters.add(done));
      });
    },
    close: () => {
      wakeAll();
      subscriber.disconnect();
    },
  };
}

function remove(waiting: Map<string, Set<() => void>>, jobId: string, done: () => void): void {
  const waiters = waiting.get(jobId);
  waiters?.delete(done);
  if (waiters?.size === 0) waiting.delete(jobId);
}
