/** How far apart equal items may lie where one event changed a list: more is compared as sets. */
const NEAR = 8;

/**
 * What left a list and what came into it, item by item by identity. A few changes anywhere cost one walk of comparisons;
 * an item that moved may be in both. Null when the lists are equal.
 */
export function difference<T>(before: readonly T[], after: readonly T[]): { removed: T[]; added: T[] } | null {
  const removed: T[] = [];
  const added: T[] = [];
  let [left, right] = [0, 0];
  while (left < before.length && right < after.length) {
    if (before[left] === after[right]) {
      left += 1;
      right += 1;
      continue;
    }
    const [gone, come] = nearestMatch(before, left, after, right);
    if (gone + come === 0) break;
    for (const end = left + gone; left < end; left += 1) removed.push(before[left] as T);
    for (const end = right + come; right < end; right += 1) added.push(after[right] as T);
  }
  const [rest, fresh] = [new Set(before.slice(left)), new Set(after.slice(right))];
  for (const item of rest) if (!fresh.has(item)) removed.push(item);
  for (const item of fresh) if (!rest.has(item)) added.push(item);
  return removed.length + added.length === 0 ? null : { removed, added };
}

/** Items to skip in each list until they agree again; none when that is not near. */
function nearestMatch<T>(before: readonly T[], left: number, after: readonly T[], right: number): [number, number] {
  for (let skip = 1; skip <= NEAR; skip += 1) {
    if (left + skip <= before.length && before[left + skip] === after[right]) return [skip, 0];
    if (right + skip <= after.length && before[left] === after[right + skip]) return [0, skip];
    if (left + skip < before.length && before[left + skip] === after[right + skip]) return [skip, skip];
  }
  return [0, 0];
}
