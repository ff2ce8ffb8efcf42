import { isDeepStrictEqual } from "node:util";
import type { Job, RoomPromise } from "../../../shared/domain/index.ts";
import { nextRow, nextRowUnpromised, type Transition, unchanged } from "../job-change.ts";

/** No history line: whom others stop for stands in their history, and the pending reason says what is awaited. */
export function promiseRoom(job: Job, promise: RoomPromise | null): Transition {
  if (job.state !== "pending" || isDeepStrictEqual(job.promise ?? null, promise)) return unchanged(job);
  return { job: promise === null ? nextRowUnpromised(job, {}) : nextRow(job, { promise }), history: [] };
}
