/**
 * Ages of a run in bins that grow by a constant factor: what is learnt of a two-minute run says nothing of a two-day one.
 * Bin 0 is [0, 30 s); the last one has no end.
 */
const FIRST_MS = 30_000;
const FACTOR = Math.SQRT2;
const LONGEST_MS = 60 * 86_400_000;
const LAST = Math.ceil(Math.log(LONGEST_MS / FIRST_MS) / Math.log(FACTOR));

export const AGE_BINS = LAST + 1;

/** Where the bins begin, milliseconds; one more entry than bins. */
export const BIN_EDGES: readonly number[] = [0, ...Array.from({ length: AGE_BINS }, (_, power) => FIRST_MS * FACTOR ** power)];

/** The bin that holds the age; the last one for whatever is older. */
export function binOf(ageMs: number): number {
  if (ageMs < FIRST_MS) return 0;
  // The logarithm may round across an edge by one.
  const near = Math.min(LAST, 1 + Math.floor(Math.log(ageMs / FIRST_MS) / Math.log(FACTOR)));
  if (near < LAST && ageMs >= (BIN_EDGES[near + 1] ?? 0)) return near + 1;
  return ageMs < (BIN_EDGES[near] ?? 0) ? near - 1 : near;
}
