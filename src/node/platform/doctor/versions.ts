/**
 * Orders versions such as "1.1.5", "1.4.0-rc.3" and "1.0.0~rc93+ds1"; what follows "+" is the packager's and does not count.
 * Negative, zero or positive, as for sort.
 */
export function compareVersions(left: string, right: string): number {
  const a = parseVersion(left);
  const b = parseVersion(right);
  for (let index = 0; index < Math.max(a.numbers.length, b.numbers.length); index += 1) {
    const difference = (a.numbers[index] ?? 0) - (b.numbers[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.candidate === b.candidate ? 0 : a.candidate - b.candidate;
}

/** "1.2.8" -> "1.2": the line of releases that gets its own fixes. */
export function releaseLine(version: string): string {
  return parseVersion(version).numbers.slice(0, 2).join(".");
}

/** A release counts as a candidate later than all of its own. */
function parseVersion(version: string): { numbers: number[]; candidate: number } {
  const match = /^v?(\d+(?:\.\d+)*)(?:[-~]rc\.?(\d+))?/.exec(version);
  const numbers = (match?.[1] ?? "0").split(".").map(Number);
  return { numbers, candidate: match?.[2] === undefined ? Number.POSITIVE_INFINITY : Number(match[2]) };
}

/** "6.1.0-18-amd64" is at least "5.11". */
export function isAtLeast(version: string, least: string): boolean {
  return compareVersions(version, least) >= 0;
}
