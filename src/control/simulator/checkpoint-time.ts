/** Less left than this is nothing left: sums of fractional seconds miss by so much. */
export const ROUNDING_SECONDS = 1e-6;

/** When a job saves; it does not go on while it writes. */
export interface Checkpoints {
  /** Seconds of work between two; null saves only when it is asked to stop. */
  everySeconds: number | null;
  /** Seconds that one takes. */
  costSeconds: number;
  /** How long it may write when it is asked to stop; what takes longer is not acknowledged and does not count. */
  graceSeconds: number;
}

/** "always" loses nothing but the restart, "never" begins again. */
export type Saving = "always" | "never" | Checkpoints;

/** How far an attempt is, seconds of work; `savedAfter` is when its last checkpoint was whole, seconds since its start. */
export interface Progress {
  done: number;
  saved: number;
  savedAfter: number | null;
}

/** @param overhead seconds at the start of the attempt in which it only comes back to where it was */
export function progressAfter(seconds: number, overhead: number, saving: Saving): Progress {
  const worked = Math.max(0, seconds - overhead);
  if (saving === "always") return { done: worked, saved: worked, savedAfter: null };
  if (saving === "never" || saving.everySeconds === null) return { done: worked, saved: 0, savedAfter: null };
  const { everySeconds, costSeconds } = saving;
  const cycle = everySeconds + costSeconds;
  const whole = Math.floor((worked + ROUNDING_SECONDS) / cycle);
  return {
    done: whole * everySeconds + Math.min(Math.max(0, worked - whole * cycle), everySeconds),
    saved: whole * everySeconds,
    savedAfter: whole === 0 ? null : overhead + whole * cycle,
  };
}

/** Seconds that an attempt takes for its work; what would be saved at the very end is not. */
export function secondsFor(work: number, overhead: number, saving: Saving): number {
  if (typeof saving === "string" || saving.everySeconds === null) return overhead + work;
  const checkpoints = Math.max(0, Math.ceil((work - ROUNDING_SECONDS) / saving.everySeconds) - 1);
  return overhead + work + checkpoints * saving.costSeconds;
}

/** Seconds between the wish that it stops and its end, and whether all that it did is saved then. */
export function stopOf(saving: Saving): { seconds: number; savesAll: boolean } {
  if (typeof saving === "string") return { seconds: 0, savesAll: saving === "always" };
  const savesAll = saving.costSeconds <= saving.graceSeconds;
  return { seconds: savesAll ? saving.costSeconds : saving.graceSeconds, savesAll };
}
