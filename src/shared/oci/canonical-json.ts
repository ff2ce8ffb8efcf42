/**
 * JSON with sorted keys and no spaces, so that equal values have equal bytes and digests. Undefined members are left out.
 * Keys sort by UTF-16 code units, as RFC 8785 does.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  // Object.fromEntries defines own properties, so a key "__proto__" stays data.
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}
