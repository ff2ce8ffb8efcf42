export type Comparison = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** Dotted digits; 15 digits fit a JavaScript number exactly. */
const VERSION = /^\d{1,15}(?:\.\d{1,15}){0,15}$/;

/** "12", "550.54.15": what compareVersions may be given. */
export function isVersion(text: string): boolean {
  return VERSION.test(text);
}

/** Number by number; missing ones at the end are 0, so 12 = 12.0 = 12.0.0. Both sides must be versions. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map((text) => text.split(".").map(Number)) as [number[], number[]];
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

/** @returns whether an order of `difference` (negative, 0, positive) satisfies the comparison */
export function satisfies(difference: number, comparison: Comparison): boolean {
  switch (comparison) {
    case "=":
      return difference === 0;
    case "!=":
      return difference !== 0;
    case "<":
      return difference < 0;
    case "<=":
      return difference <= 0;
    case ">":
      return difference > 0;
    case ">=":
      return difference >= 0;
  }
}
