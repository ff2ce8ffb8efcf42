/** After a week what was used counts half. */
export const USAGE_HALF_LIFE_MS = 7 * 86_400_000;
const HOUR_MS = 3_600_000;

/** What a project has used: its dominant share times hours, older use counting less. */
export interface DecayedUsage {
  value: number;
  /** Milliseconds since the Unix epoch. */
  at: number;
}

/** The usage at `now`, when the project held `share` (0..1) of the cluster since. A clock that went back changes nothing. */
export function accrue(usage: DecayedUsage, share: number, now: number): DecayedUsage {
  const elapsed = now - usage.at;
  if (!(elapsed > 0)) return usage;
  const keep = 2 ** (-elapsed / USAGE_HALF_LIFE_MS);
  return { value: usage.value * keep + share * (elapsed / HOUR_MS), at: now };
}
