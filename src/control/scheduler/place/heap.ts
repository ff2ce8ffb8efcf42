/** The smallest item first. */
export interface Heap<Item> {
  /** The smallest; stays in it. */
  top(): Item | undefined;
  pop(): Item | undefined;
  push(item: Item): void;
  /** To be called when the smallest has become larger. */
  sinkTop(): void;
}

/** A binary heap. Takes the items over; items that are not equal in order come out in the same order whatever was put in when. */
export function createHeap<Item>(items: Item[], before: (one: Item, other: Item) => boolean): Heap<Item> {
  for (let at = (items.length >> 1) - 1; at >= 0; at -= 1) sink(items, at, before);
  return {
    top: () => items[0],
    pop: () => {
      const top = items[0];
      const last = items.pop();
      if (top === undefined || last === undefined || items.length === 0) return top;
      items[0] = last;
      sink(items, 0, before);
      return top;
    },
    push: (item) => {
      items.push(item);
      rise(items, items.length - 1, before);
    },
    sinkTop: () => sink(items, 0, before),
  };
}

function rise<Item>(heap: Item[], start: number, before: (one: Item, other: Item) => boolean): void {
  for (let at = start; at > 0; ) {
    const parent = (at - 1) >> 1;
    const [one, other] = [heap[at], heap[parent]];
    if (one === undefined || other === undefined || !before(one, other)) return;
    heap[at] = other;
    heap[parent] = one;
    at = parent;
  }
}

function sink<Item>(heap: Item[], start: number, before: (one: Item, other: Item) => boolean): void {
  for (let at = start; ; ) {
    const left = 2 * at + 1;
    const [first, second] = [heap[left], heap[left + 1]];
    if (first === undefined) return;
    const child = second !== undefined && before(second, first) ? left + 1 : left;
    const [one, other] = [heap[at], heap[child]];
    if (one === undefined || other === undefined || !before(other, one)) return;
    heap[at] = other;
    heap[child] = one;
    at = child;
  }
}
