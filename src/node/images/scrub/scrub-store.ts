import type { Clock } from "../../../shared/domain/index.ts";
import type { Native } from "../../platform/index.ts";
import { foldersOfBlobs } from "../content/list-blobs.ts";
import type { StorePaths } from "../paths.ts";
import type { ImageStore, Progress } from "../types.ts";
import { blobsOfImage, type KnownImage, knownImages } from "./known-images.ts";
import { quarantineIfDamaged } from "./quarantine-damaged.ts";
import { type LayersReport, quarantineOrphans, scrubUnpacked } from "./scrub-layers.ts";
import { createThrottle, type Throttle } from "./throttle.ts";

export interface ScrubOptions {
  /** Null for as fast as the disk gives. */
  bytesPerSecond: number | null;
  /** Reads the unpacked layers too. */
  unpacked: boolean;
  /** Chain IDs that containers stand on: their folders stay where they are. */
  inUse: ReadonlySet<string>;
}

export interface ScrubReport {
  checkedBlobs: number;
  checkedBytes: number;
  /** Blobs that were moved to quarantine/. */
  quarantinedBlobs: string[];
  layers: LayersReport;
  /** Copies of layers for user namespaces. */
  chownedLayers: LayersReport;
  /** Images that lack something now, and what. */
  damagedImages: { digest: string; references: string[]; missing: string[] }[];
}

export interface ScrubPorts {
  paths: StorePaths;
  native: Native;
  store: Pick<ImageStore, "get">;
  clock: Clock;
}

/**
 * Reads the whole store and moves what is not what its name says into quarantine/. A damaged blob is missing from then on:
 * its images do not start, and pulling or loading them again brings it back.
 */
export async function scrubStore(ports: ScrubPorts, options: ScrubOptions, progress: Progress, signal: AbortSignal): Promise<ScrubReport> {
  const throttle = createThrottle(options.bytesPerSecond, ports.clock);
  const blobs = await scrubBlobs(ports, throttle, progress, signal);
  const orphans = await quarantineOrphans({ ...ports, inUse: options.inUse });
  const unread = { checked: 0, sealed: 0, quarantined: [], damagedInUse: [] };
  const { layers, copies } = options.unpacked
    ? await scrubUnpacked({ ...ports, throttle, inUse: options.inUse }, progress, signal)
    : { layers: unread, copies: unread };
  const chownedLayers = { ...copies, quarantined: [...orphans, ...copies.quarantined] };
  return { ...blobs, layers, chownedLayers, damagedImages: await damagedImages(ports) };
}

async function scrubBlobs(ports: ScrubPorts, throttle: Throttle, progress: Progress, signal: AbortSignal) {
  const digests = (await foldersOfBlobs(ports.paths)).flatMap((folder) => folder.digests);
  const quarantinedBlobs: string[] = [];
  let checkedBytes = 0;
  for (const [index, digest] of digests.sort().entries()) {
    progress({ step: "scrub", detail: digest, current: index + 1, total: digests.length });
    const { sizeBytes, quarantined } = await quarantineIfDamaged(ports.paths, digest, throttle, signal);
    checkedBytes += sizeBytes ?? 0;
    if (quarantined) quarantinedBlobs.push(digest);
  }
  return { checkedBlobs: digests.length, checkedBytes, quarantinedBlobs };
}

async function damagedImages({ paths, store }: ScrubPorts): Promise<ScrubReport["damagedImages"]> {
  const present = new Set((await foldersOfBlobs(paths)).flatMap((folder) => folder.digests));
  const lacking = (image: KnownImage) => blobsOfImage(image).flatMap(({ digest }) => (present.has(digest) ? [] : [digest]));
  const images = (await knownImages(paths, store)).map((image) => ({ image, missing: lacking(image) }));
  return images
    .filter(({ image, missing }) => missing.length > 0 || image.content === null)
    .map(({ image: { digest, references }, missing }) => ({ digest, references, missing }));
}
