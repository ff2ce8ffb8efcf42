import type { ImageLayer } from "../../../shared/domain/index.ts";

/** Bytes to fetch before the image is whole on a node that holds these (in order, see heldLayers); all of it where the node does not say. */
export function missingBytes(layers: readonly ImageLayer[], onNode: readonly string[] | undefined): number {
  let missing = 0;
  for (const { key, sizeBytes } of layers) if (onNode === undefined || !holds(onNode, key)) missing += sizeBytes;
  return missing;
}

/** By halves: sets made in every pass for ten thousand nodes cost more than the search. */
function holds(sorted: readonly string[], key: string): boolean {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    const there = sorted[middle] ?? "";
    if (there === key) return true;
    if (there < key) from = middle + 1;
    else to = middle;
  }
  return false;
}
