/**
 * What differs between two lists once their equal beginnings and ends are taken off, item by item by identity; null when
 * they are equal. One event changes one place, so the rest is never looked at twice.
 */
export function changedPart<T>(before: readonly T[], after: readonly T[]): { before: readonly T[]; after: readonly T[] } | null {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  if (start === before.length && start === after.length) return null;
  let ends = 0;
  while (ends < before.length - start && ends < after.length - start && before[before.length - 1 - ends] === after[after.length - 1 - ends])
    ends += 1;
  return { before: before.slice(start, before.length - ends), after: after.slice(start, after.length - ends) };
}
