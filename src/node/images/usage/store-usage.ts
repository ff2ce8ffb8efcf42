import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { digestOfHex } from "../../../shared/oci/index.ts";
import { foldersOfBlobs } from "../content/list-blobs.ts";
import { registryLinks } from "../content/registry-links.ts";
import { errnoOf } from "../content/storage-error.ts";
import { chownedCopies } from "../owners/list-copies.ts";
import type { StorePaths } from "../paths.ts";
import { knownImages } from "../scrub/known-images.ts";
import type { Image, ImageStore } from "../types.ts";
import { type ImageUsage, shareOf } from "./sharing.ts";
import { unpackedSize } from "./unpacked-size.ts";

export interface StoreUsage {
  images: ImageUsage[];
  /** Images whose manifest or config cannot be read. */
  unreadable: { digest: string; references: string[] }[];
  /** Compressed layers, configs and manifests; those that neither an image nor a repository of the node's registry reaches. */
  blobs: { count: number; bytes: number; unreachedBytes: number };
  /** Of the blobs, what only the node's registry reaches. */
  registryBytes: number;
  /** Unpacked layers; those that no image reaches. */
  layers: { count: number; bytes: number; unreachedBytes: number };
  /** Copies of unpacked layers for user namespaces, in none of the images' figures; those of layers that no image reaches. */
  chownedLayers: { count: number; bytes: number; unreachedBytes: number };
  /** Bytes that the images would take without sharing, less what they take. */
  savedBytes: number;
  quarantineBytes: number;
  partialBytes: number;
}

/** Where the disk went. The first call measures every unpacked layer, later ones only new ones. */
export async function storeUsage(ports: { paths: StorePaths; store: Pick<ImageStore, "get"> }): Promise<StoreUsage> {
  const { paths } = ports;
  const known = await knownImages(paths, ports.store);
  const images = known.flatMap(({ content }) => (content === null ? [] : [content]));
  const unpacked = await unpackedSizes(paths);
  const usages = shareOf(images, unpacked);
  const blobs = await blobSizes(paths);
  const [reached, linked] = [blobsReached(images), await registryLinks(paths)];
  const chainIds = new Set(images.flatMap((image) => image.chainIds));
  return {
    images: usages.sort((a, b) => b.totalBytes - a.totalBytes),
    unreadable: known.filter(({ content }) => content === null).map(({ digest, references }) => ({ digest, references })),
    blobs: summary([...blobs], new Set([...reached, ...linked])),
    registryBytes: summary(
      [...blobs].filter(([digest]) => linked.has(digest)),
      reached,
    ).unreachedBytes,
    layers: summary([...unpacked], chainIds),
    chownedLayers: summary(await copySizes(paths), chainIds),
    savedBytes: savedBytes(images, unpacked),
    quarantineBytes: await treeBytes(paths.quarantine),
    partialBytes: await treeBytes(paths.partials),
  };
}

async function unpackedSizes(paths: StorePaths): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const hex of await readdir(paths.layers)) {
    const chainId = digestOfHex(hex);
    const size = chainId === null ? null : await unpackedSize(paths.layer(chainId));
    if (chainId !== null && size !== null) sizes.set(chainId, size);
  }
  return sizes;
}

/** By chain ID; a layer may have a copy for each mapping. */
async function copySizes(paths: StorePaths): Promise<[string, number][]> {
  const sizes: [string, number][] = [];
  for (const { chainId, folder } of await chownedCopies(paths)) {
    const size = await unpackedSize(folder);
    if (size !== null) sizes.push([chainId, size]);
  }
  return sizes;
}

async function blobSizes(paths: StorePaths): Promise<Map<string, number>> {
  const digests = (await foldersOfBlobs(paths)).flatMap((folder) => folder.digests);
  return new Map(await Promise.all(digests.map(async (digest) => [digest, (await lstat(paths.blob(digest))).size] as const)));
}

function blobsReached(images: readonly Image[]): Set<string> {
  return new Set(images.flatMap(({ digest, configDigest, layers }) => [digest, configDigest, ...layers.map((layer) => layer.digest)]));
}

function summary(sizes: readonly (readonly [string, number])[], reached: ReadonlySet<string>) {
  let [bytes, unreachedBytes] = [0, 0];
  for (const [name, size] of sizes) {
    bytes += size;
    if (!reached.has(name)) unreachedBytes += size;
  }
  return { count: sizes.length, bytes, unreachedBytes };
}

/** Each image's layers summed up, less every layer once. */
function savedBytes(images: readonly Image[], unpacked: ReadonlyMap<string, number>): number {
  const alone = images.reduce((sum, image) => sum + layerBytes([image], unpacked), 0);
  return alone - layerBytes(images, unpacked);
}

function layerBytes(images: readonly Image[], unpacked: ReadonlyMap<string, number>): number {
  const blobs = new Map(images.flatMap(({ layers }) => layers.map(({ digest, size }) => [digest, size] as const)));
  const chains = new Set(images.flatMap(({ chainIds }) => chainIds));
  return [...blobs.values(), ...[...chains].map((chainId) => unpacked.get(chainId) ?? 0)].reduce((sum, size) => sum + size, 0);
}

async function treeBytes(path: string): Promise<number> {
  try {
    const stat = await lstat(path);
    if (!stat.isDirectory()) return stat.blocks * 512;
    const below = await Promise.all((await readdir(path)).map((name) => treeBytes(join(path, name))));
    return below.reduce((sum, bytes) => sum + bytes, 0);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return 0;
    throw error;
  }
}
