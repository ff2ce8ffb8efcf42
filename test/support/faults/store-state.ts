import { lstat, readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { createImageStore, storePaths } from "../../../src/node/images/index.ts";
import { sealOfTree } from "../../../src/node/images/scrub/seal-tree.ts";
import { createThrottle } from "../../../src/node/images/scrub/throttle.ts";
import { loadNative, mountsBelow, readMounts } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { digestLike } from "../../../src/shared/oci/index.ts";

const { signal } = new AbortController();

/** Digest of each unpacked layer's whole tree, by the hex of its chain ID. */
export type Seals = ReadonlyMap<string, string>;

export async function sealsOf(dataDir: string): Promise<Map<string, string>> {
  const { layers } = storePaths(dataDir);
  const seals = new Map<string, string>();
  for (const name of await readdir(layers)) {
    seals.set(name, await sealOfTree(loadNative(), join(layers, name, "fs"), createThrottle(null, systemClock()), signal));
  }
  return seals;
}

/**
 * What is not as it must be in a store that nobody writes to: blobs that are not what their name says, named images that lack
 * one, layers that are not whole. `damaged` are names of blobs and layers that the test itself damaged.
 */
export async function problemsOf(dataDir: string, expected: Seals, damaged: ReadonlySet<string>): Promise<string[]> {
  const problems: string[] = [];
  const blobs = new Set((await Promise.all(["sha256", "sha512"].map((name) => digestsIn(dataDir, name)))).flat());
  for (const digest of blobs) {
    const found = digestLike(digest, await readFile(pathOf(dataDir, digest)));
    if (found !== digest && !damaged.has(digest.slice(7))) problems.push(`blob ${digest} has the digest ${found}`);
  }
  for (const digest of await neededBlobs(dataDir)) {
    if (!blobs.has(digest) && !damaged.has(digest.slice(7))) problems.push(`an image lacks ${digest}`);
  }
  for (const [name, seal] of await sealsOf(dataDir).catch(() => new Map<string, string>())) {
    if (expected.get(name) !== seal && !damaged.has(name)) problems.push(`layer ${name} is not what it was when it was unpacked`);
  }
  return problems;
}

interface ManifestDocument {
  config: { digest: string };
  layers: { digest: string }[];
}

const pathOf = (dataDir: string, digest: string): string => join(dataDir, "blobs", ...digest.split(":"));

async function digestsIn(dataDir: string, algorithm: string): Promise<string[]> {
  const names = await readdir(join(dataDir, "blobs", algorithm)).catch(() => []);
  // A file that a kill left half written is called .NAME.tmp: nobody takes it for a blob, and the next try takes it away.
  return names.filter((name) => !name.startsWith(".")).map((name) => `${algorithm}:${name}`);
}

/** Read by the test's own means: the store must not vouch for itself. */
async function neededBlobs(dataDir: string): Promise<string[]> {
  const text = await readFile(storePaths(dataDir).imagesFile, "utf8").catch(() => '{"images":{}}');
  const needed: string[] = [];
  for (const digest of Object.keys((JSON.parse(text) as { images: object }).images)) {
    needed.push(digest);
    const manifest = await readFile(pathOf(dataDir, digest), "utf8").catch(() => null);
    if (manifest === null) continue;
    const { config, layers } = JSON.parse(manifest) as ManifestDocument;
    needed.push(config.digest, ...layers.map((layer) => layer.digest));
  }
  return needed;
}

/** Opens the store as the next agent does, prunes and closes it; then every path in it, random parts of names left out. */
export async function settledState(dataDir: string): Promise<string[]> {
  const store = await createImageStore({ dataDir, native: loadNative(), clock: systemClock() });
  await store.prune(new Set());
  await store.close();
  const mounts = mountsBelow(await readMounts(), dataDir).map(({ mountPoint }) => `mounted: ${mountPoint}`);
  const images = await readFile(storePaths(dataDir).imagesFile, "utf8").catch(() => "no images");
  // What is there of a broken push stays for its client to go on with, until the registry's own time is over.
  const paths = (await pathsBelow(dataDir, dataDir)).filter((path) => !/^registry\/uploads\/./.test(path));
  return [...paths.sort(), ...mounts, images];
}

async function pathsBelow(folder: string, top: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const inside = (await lstat(path)).isDirectory() && name !== "fs" ? await pathsBelow(path, top) : [];
    found.push(relative(top, path).replace(/^(quarantine\/[^/]*)-[a-f0-9]{8}/, "$1"), ...inside);
  }
  return found;
}
