import { isBerthError, type Job } from "../../../shared/domain/index.ts";
import { tryChange } from "../apply-reports.ts";
import type { JobStore } from "../job-store.ts";
import type { Fence } from "../leader-store.ts";
import { advance, progressOf, tallyOf } from "./array-step.ts";
import type { ArrayStore } from "./array-store.ts";

export interface TendOptions {
  jobs: JobStore;
  arrays: ArrayStore;
  now: number;
  fence: Fence | undefined;
  /** Arrays that wait for what is still to be known of them. Absent: none. */
  isHeld?: ((array: Job, now: number) => boolean) | undefined;
}

export interface Tended {
  /** Tasks that got rows. */
  started: Job[];
  /** Tasks that are being stopped for a cancelled array: their nodes should hear of it. */
  stopped: Job[];
}

/** Brings every array that has not ended up to date with its tasks. Level-triggered: what a crash left half done goes on here. */
export async function tendArrays({ arrays, ...rest }: Omit<TendOptions, "arrays"> & { arrays: ArrayStore | undefined }): Promise<Tended> {
  const tended: Tended = { started: [], stopped: [] };
  if (arrays === undefined) return tended;
  const options = { ...rest, arrays };
  for (const array of await arrays.unfinished()) {
    const by = array.array?.cancelledBy;
    if (by !== undefined) tended.stopped.push(...(await stopTasks(options, await arrays.liveTasks(array.id), by)));
    tended.started.push(...(await tend(options, array)));
  }
  return tended;
}

async function tend({ arrays, now, fence, isHeld }: TendOptions, array: Job): Promise<Job[]> {
  if (isHeld?.(array, now)) return [];
  const progress = progressOf(array);
  const { waiting, live } = tallyOf(progress);
  const step = advance(array, progress, now, waiting + live === 0 ? await arrays.failures(array.id) : new Map());
  if (step === null) return [];
  try {
    return (await arrays.step(array, step, now, fence)).started;
  } catch (error) {
    // Cancelled or retried in between, or another leads: the next look starts from what is true then.
    if (isBerthError(error, "conflict")) return [];
    throw error;
  }
}

/** Cancels what has a row; the same for the route that was asked and for the loop that finishes what the route began. */
export async function stopTasks({ jobs, now }: Pick<TendOptions, "jobs" | "now">, live: readonly Job[], by: string): Promise<Job[]> {
  const stopped: Job[] = [];
  for (const { id } of live) {
    const change = await tryChange(jobs, id, { type: "cancel-requested", by }, now).catch((error: unknown) => {
      // It has ended by itself meanwhile.
      if (isBerthError(error, "conflict")) return null;
      throw error;
    });
    if (change !== null) stopped.push(change.after);
  }
  return stopped;
}
