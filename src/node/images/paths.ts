import { join } from "node:path";
import { algorithmOf, DIGEST_ALGORITHMS, digestHex } from "../../shared/oci/index.ts";
import type { IdMapping } from "../platform/index.ts";

/**
 * Everything the images room keeps on disk, all below one data dir on one file system (renames must be atomic):
 *
 *   blobs/{sha256,sha512}/<hex>     compressed layers, configs, manifests; complete, verified and fsynced when visible
 *   layers/<hex of chain id>/fs     one layer's own files in overlayfs form, shared read-only by every container
 *   layers/<hex of chain id>/opaque exists when the layer hides everything below it
 *   layers-chowned/<uid>-<gid>-<count>/<hex of chain id>/fs   copies of layers with a user namespace's ids, where mounts cannot map them
 *   images.json                     manifest digests and the references that name them
 *   images.reserve                  random bytes: given up on a full disk, so that names can be taken away
 *   images.lock                     flock: held while images.json or the set of blobs changes
 *   build-cache.json                what earlier build steps made (written by the build room)
 *   ingest/<session>/lock           flock: held as long as the process lives; a free one marks leftovers
 *   ingest/<session>/pins/<hex>     blobs taken in but not yet part of an image: prune keeps them
 *   ingest/<session>/<n>            files and folders being written
 *   partials/<hex>[.json]           blobs being fetched, and which parts are there; flock: held by who fetches it
 *   quarantine/<hex>-<n>            blobs whose bytes were not what their name says: kept for a look, never used
 *   trust.json                      which images may be pulled and run (written by the operator)
 *   trust/<hex>.json                signatures that admitted an image, to be checked again at each start
 *   registry/repositories/<name>/   what the node's registry holds (written by the registry room): prune keeps it
 *   builds/<id>, builds.lock        working folders of builds (written by the build room)
 *   cache/apt/archives/*.deb        packages that earlier bootstraps fetched
 *   bootstrap/{lock,runs/<id>}      flock of the one bootstrap that runs, and its chroot
 *
 * The data dir is 0700: layers hold setuid programs that nobody on the host may reach (CVE-2024-25621).
 */
export interface StorePaths {
  dataDir: string;
  /** One an algorithm. */
  blobFolders: readonly string[];
  layers: string;
  ingest: string;
  partials: string;
  quarantine: string;
  imagesFile: string;
  imagesReserve: string;
  lockFile: string;
  buildCacheFile: string;
  aptArchives: string;
  trustPolicy: string;
  trustEvidence: string;
  blob(digest: string): string;
  layer(chainId: string): string;
  layerFiles(chainId: string): string;
  layerOpaque(chainId: string): string;
  chownedLayers: string;
  chownedLayer(chainId: string, mapping: IdMapping): string;
}

/** The layout below `dataDir` (absolute). */
export function storePaths(dataDir: string): StorePaths {
  const layers = join(dataDir, "layers");
  const chownedLayers = join(dataDir, "layers-chowned");
  const layer = (chainId: string) => join(layers, digestHex(chainId));
  return {
    dataDir,
    blobFolders: DIGEST_ALGORITHMS.map((algorithm) => join(dataDir, "blobs", algorithm)),
    layers,
    ingest: join(dataDir, "ingest"),
    partials: join(dataDir, "partials"),
    quarantine: join(dataDir, "quarantine"),
    imagesFile: join(dataDir, "images.json"),
    imagesReserve: join(dataDir, "images.reserve"),
    lockFile: join(dataDir, "images.lock"),
    buildCacheFile: join(dataDir, "build-cache.json"),
    aptArchives: join(dataDir, "cache", "apt", "archives"),
    trustPolicy: join(dataDir, "trust.json"),
    trustEvidence: join(dataDir, "trust"),
    blob: (digest) => join(dataDir, "blobs", algorithmOf(digest), digestHex(digest)),
    layer,
    layerFiles: (chainId) => join(layer(chainId), "fs"),
    layerOpaque: (chainId) => join(layer(chainId), "opaque"),
    chownedLayers,
    chownedLayer: (chainId, { uid, gid, count }) => join(chownedLayers, `${uid}-${gid}-${count}`, digestHex(chainId)),
  };
}
