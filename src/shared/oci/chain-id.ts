import { digestOf } from "./digest.ts";

/**
 * Chain IDs of a stack of layers, bottom first (image-spec config.md, "Layer ChainID"):
 * chain(1) = diff(1), chain(n) = sha256(chain(n-1) + " " + diff(n)). Names a layer together with all below it.
 */
export function chainIdsOf(diffIds: readonly string[]): string[] {
  const chainIds: string[] = [];
  for (const diffId of diffIds) {
    const parent = chainIds.at(-1);
    chainIds.push(parent === undefined ? diffId : digestOf(`${parent} ${diffId}`));
  }
  return chainIds;
}
