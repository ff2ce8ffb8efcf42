/** A layer of an image as it is fetched, where it is large enough to matter for where a job goes. */
export interface ImageLayer {
  /** See `layerKey`. */
  key: string;
  sizeBytes: number;
}

/** Smaller ones are fetched before anybody notices. */
const LEAST_BYTES = 8 * 2 ** 20;
/** Of one image, and of one node: what is told of ten thousand nodes is read in every pass. */
const MOST_OF_IMAGE = 16;
const MOST_OF_NODE = 128;

/** The beginning of the digest's hex: a mistake of one in 2^48 costs a pull that was not counted on. */
function layerKey(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1).slice(0, 12);
}

/** The large layers of an image, the largest first. */
export function largeLayers(layers: readonly { digest: string; size: number }[], most = MOST_OF_IMAGE): ImageLayer[] {
  const bySize = new Map(layers.map(({ digest, size }) => [layerKey(digest), size]));
  return [...bySize]
    .filter(([, sizeBytes]) => sizeBytes >= LEAST_BYTES)
    .sort(([left, leftBytes], [right, rightBytes]) => rightBytes - leftBytes || (left < right ? -1 : 1))
    .slice(0, most)
    .map(([key, sizeBytes]) => ({ key, sizeBytes }));
}

/** Keys of the large layers that a node holds, in order, so that they can be searched. */
export function heldLayers(layers: readonly { digest: string; size: number }[]): string[] {
  return largeLayers(layers, MOST_OF_NODE)
    .map(({ key }) => key)
    .sort();
}
