import { RegistryError } from "../registry-error.ts";

/** Which part of a sorted list: at most `count` after `last`. */
export interface Page {
  count: number;
  last: string;
}

/**
 * `n` and `last` of a query. More than `most` is answered with `most` and a Link, so that no number makes the server
 * gather without bound (CVE-2023-2253).
 * @throws RegistryError PAGINATION_NUMBER_INVALID
 */
export function parsePage(query: URLSearchParams, most: number): Page {
  const n = query.get("n");
  if (n !== null && !/^\d{1,10}$/.test(n)) throw new RegistryError("PAGINATION_NUMBER_INVALID", "n is not a number of entries");
  return { count: Math.min(n === null ? most : Number(n), most), last: query.get("last") ?? "" };
}

/** Entries of the page and the Link to the next one, when there is more. */
export function cutPage(sorted: readonly string[], page: Page, path: string): { items: string[]; headers: Record<string, string> } {
  const rest = page.last === "" ? sorted : sorted.slice(firstAfter(sorted, page.last));
  const items = rest.slice(0, page.count);
  const last = items.at(-1);
  if (last === undefined || items.length === rest.length) return { items, headers: {} };
  const query = new URLSearchParams({ n: String(page.count), last });
  return { items, headers: { link: `<${path}?${query}>; rel="next"` } };
}

function firstAfter(sorted: readonly string[], last: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? "") <= last) low = middle + 1;
    else high = middle;
  }
  return low;
}
