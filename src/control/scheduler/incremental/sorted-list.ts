import { difference } from "./difference.ts";

/** Part of a list that may change at once before it is sorted anew. */
const MOST_MOVED = 1 / 16;

/** Some items of a list in an order of their own, kept from cycle to cycle. */
export interface SortedList<Item> {
  /** Those of the list now; not to be changed. */
  look(items: readonly Item[]): readonly Item[];
}

/** `compare` must tell any two items apart. */
export function createSortedList<Item>(compare: (one: Item, other: Item) => number, keeps: (item: Item) => boolean): SortedList<Item> {
  let before: readonly Item[] = [];
  let sorted: Item[] = [];
  const anew = () => {
    sorted = before.filter(keeps).sort(compare);
  };
  const remove = (item: Item): boolean => {
    const place = placeOf(sorted, item, compare);
    if (sorted[place] !== item) return false;
    sorted.splice(place, 1);
    return true;
  };
  return {
    look: (items) => {
      const change = difference(before, items);
      before = items;
      if (change === null) return sorted;
      if (change.removed.length + change.added.length > items.length * MOST_MOVED || !change.removed.filter(keeps).every(remove)) anew();
      else for (const item of change.added) if (keeps(item)) sorted.splice(placeOf(sorted, item, compare), 0, item);
      return sorted;
    },
  };
}

/** Of the first item that is not before it. */
export function placeOf<Item>(sorted: readonly Item[], item: Item, compare: (one: Item, other: Item) => number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(sorted[middle] as Item, item) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
