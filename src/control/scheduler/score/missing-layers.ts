/** A layer of an image as it is fetched. */
export interface ImageLayer {
  digest: string;
  sizeBytes: number;
}

/** Bytes to fetch before the image is whole on a node that has these digests; all of it where the node does not say. */
export function missingBytes(layers: readonly ImageLayer[], onNode: readonly string[] | undefined): number {
  const present = new Set(onNode);
  return layers.reduce((sum, { digest, sizeBytes }) => (present.has(digest) ? sum : sum + sizeBytes), 0);
}
