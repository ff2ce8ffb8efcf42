import type { Image } from "../types.ts";

/** One layer as an image has it. */
export interface LayerUsage {
  digest: string;
  chainId: string;
  /** Compressed. */
  bytes: number;
  /** On disk; null when it is not unpacked. */
  unpackedBytes: number | null;
  /** How many images stand on it, this one included. */
  images: number;
  createdBy: string;
}

export interface ImageUsage {
  digest: string;
  references: string[];
  layers: LayerUsage[];
  /** Compressed and unpacked together: all of it, what another image has too, what goes when this one goes. */
  totalBytes: number;
  sharedBytes: number;
  uniqueBytes: number;
}

/** Who shares what. An unpacked layer is shared by chain ID, a compressed one by digest. */
export function shareOf(images: readonly Image[], unpackedBytes: ReadonlyMap<string, number | null>): ImageUsage[] {
  const byDigest = countUsers(images.map((image) => image.layers.map(({ digest }) => digest)));
  const byChain = countUsers(images.map((image) => image.chainIds));
  return images.map((image) => {
    const history = layerHistory(image);
    const layers = image.layers.map(({ digest, size }, index) => {
      const chainId = image.chainIds[index] as string;
      return {
        digest,
        chainId,
        bytes: size,
        unpackedBytes: unpackedBytes.get(chainId) ?? null,
        images: byChain.get(chainId) ?? 1,
        createdBy: history[index] ?? "",
      };
    });
    return { digest: image.digest, references: image.references, layers, ...sums(layers, byDigest) };
  });
}

function sums(layers: readonly LayerUsage[], byDigest: ReadonlyMap<string, number>) {
  const once = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
  const blobs = once.map(({ digest, bytes }) => ({ bytes, shared: (byDigest.get(digest) ?? 1) > 1 }));
  const folders = layers.map(({ unpackedBytes, images }) => ({ bytes: unpackedBytes ?? 0, shared: images > 1 }));
  const all = [...blobs, ...folders];
  const totalBytes = all.reduce((sum, { bytes }) => sum + bytes, 0);
  const sharedBytes = all.reduce((sum, { bytes, shared }) => sum + (shared ? bytes : 0), 0);
  return { totalBytes, sharedBytes, uniqueBytes: totalBytes - sharedBytes };
}

function countUsers(sets: readonly (readonly string[])[]): Map<string, number> {
  const users = new Map<string, number>();
  for (const set of sets) for (const name of new Set(set)) users.set(name, (users.get(name) ?? 0) + 1);
  return users;
}

/** What made each layer, by the entries of the history that are not empty. One that is too short speaks of the upper layers. */
export function layerHistory({ config, layers }: Pick<Image, "config" | "layers">): string[] {
  const made = (config.history ?? []).filter(({ empty_layer }) => empty_layer !== true);
  const silent = Math.max(0, layers.length - made.length);
  return [...Array.from({ length: silent }, () => ""), ...made.map(({ created_by, comment }) => created_by ?? comment ?? "")];
}
