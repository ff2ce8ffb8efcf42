import { isBerthError } from "../../../shared/domain/index.ts";
import type { JobChange } from "../job-change.ts";
import type { JobStore } from "../job-store.ts";
import { applyEvent } from "../transition.ts";
import type { ArrayStore } from "./array-store.ts";

/** The loop writes an array's row with every task that it starts. */
const TRIES = 20;

/**
 * Applies a change to an array's own row, beside its tasks.
 * @throws BerthError redis_unavailable; conflict when others wrote first in every try
 */
export async function applyToArray(
  { jobs, arrays }: { jobs: Pick<JobStore, "get">; arrays: Pick<ArrayStore, "step"> },
  arrayId: string,
  change: JobChange,
  now: number,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const before = await jobs.get(arrayId);
    if (before === null) return;
    const { job, history } = applyEvent(before, change, now);
    if (job === before) return;
    try {
      await arrays.step(before, { array: job, start: [], again: [], history }, now);
      return;
    } catch (error) {
      if (tries === TRIES || !isBerthError(error, "conflict")) throw error;
    }
  }
}
