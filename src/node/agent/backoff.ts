/**
 * Delay before attempt number `failures` + 1, milliseconds: doubles from `baseMs` to `maxMs`, with the upper half
 * random, so that a thousand agents do not come back in the same instant.
 */
export function backoffMs(failures: number, baseMs: number, maxMs: number, random: () => number): number {
  if (failures <= 0) return 0;
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return full / 2 + (full / 2) * random();
}
