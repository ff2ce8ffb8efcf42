import { setMaxListeners } from "node:events";
import { BerthError, type Clock } from "../../../shared/domain/index.ts";
import {
  chainIdsOf,
  type Descriptor,
  formatReference,
  type ImageConfig,
  type Manifest,
  type Platform,
  parseImageConfig,
  parseManifest,
  parsePlatform,
  parseReference,
  type Reference,
  type RegistryClient,
  requirePlatform,
} from "../../../shared/oci/index.ts";
import type { Native } from "../../platform/index.ts";
import type { BlobStore } from "../content/blob-store.ts";
import type { IngestSession } from "../content/ingest-session.ts";
import type { StorePaths } from "../paths.ts";
import { quarantineDamaged } from "../scrub/quarantine-damaged.ts";
import { repositoryOf } from "../trust/policy.ts";
import type { TrustGate } from "../trust/trust-gate.ts";
import type { Image, Progress } from "../types.ts";
import type { LayerSource, Unpack, UnpackableImage } from "../unpack/unpack-image.ts";
import { type BlobSource, DOWNLOAD_LIMITS, type DownloadLimits, type WrapSource } from "./download-blob.ts";
import { type BlobFetch, startFetch } from "./fetch-blob-once.ts";
import { createProgressMeter } from "./progress-meter.ts";
import { resolveManifest } from "./resolve-manifest.ts";
import { createSharedFetches } from "./shared-fetches.ts";

/** What pulling needs of the store. */
export interface PullPorts {
  paths: StorePaths;
  native: Native;
  clock: Clock;
  blobs: BlobStore;
  session: IngestSession;
  unpack: Unpack;
  /** Null asks nobody but the registry. */
  wrapSource: WrapSource | null;
  /** Null admits everything. */
  trust: Pick<TrustGate, "admit"> | null;
  /** An image by its manifest's digest, when all its blobs are there: whether it has all the names, and is unpacked. */
  find(digest: string, names: readonly string[]): Promise<{ image: Image; named: boolean; unpacked: boolean } | null>;
  /** Writes the manifest (its config and layers are in the store) and names it; lets go of its blobs' pins. */
  commitManifest(
    manifest: Uint8Array,
    references: readonly string[],
    known: { aliases: readonly string[]; digest: string },
  ): Promise<Image>;
}

export interface PullRequest {
  /** As a person writes it. */
  reference: string;
  /** "linux/arm64"; null is this machine's. */
  platform: string | null;
  /** Of the reference's registry. */
  client: RegistryClient;
  /** For an image that is here but damaged: no name is added. */
  repair?: boolean;
  limits?: DownloadLimits;
}

export type Pull = (request: PullRequest, progress: Progress, signal: AbortSignal) => Promise<Image>;

const MAX_CONFIG_BYTES = 8 * 1024 * 1024;
/** Layers at a time. Each may use several connections; more would only delay the ones that unpacking waits for. */
const LAYERS_AT_ONCE = 3;

/**
 * Pulls images: one lookup of the name, which the trust policy must admit, then everything by digest, verified; layers side by side and unpacked while they
 * arrive, in order; named only when all of it is on disk. What was fetched stays for the next try, when it breaks.
 */
export function createPuller(ports: PullPorts): { pull: Pull; inFlight(digest: string): BlobFetch | null } {
  const shared = createSharedFetches();
  const fetchBlob: FetchBlob = (request, repository, blob, signal) => {
    const { client, limits = DOWNLOAD_LIMITS } = request;
    const origin: BlobSource = {
      digest: blob.digest,
      retry: client.retry,
      fetch: (range: { from: number; to: number }, turn: number, own: AbortSignal) => client.blob(repository, blob, range, turn, own),
    };
    const source = () => ports.wrapSource?.(origin, blob.size) ?? origin;
    return shared.join(blob.digest, (own) => startFetch({ ...ports, limits }, source(), blob.size, own), signal);
  };
  const pull: Pull = async (request, progress, signal) => {
    const failed = new AbortController();
    const own = AbortSignal.any([signal, failed.signal]);
    // Each request, fetch and layer under way listens to it: from the eleventh on Node would warn of a leak.
    setMaxListeners(0, own);
    const work: PullWork = {
      ...{ ports, request, progress, fetchBlob, held: [] },
      reference: parseReference(request.reference),
      signal: own,
      giveUp: (error) => failed.abort(error),
    };
    try {
      return await pullOne(work);
    } catch (error) {
      failed.abort(error);
      await ports.session.release(work.held);
      throw error;
    }
  };
  return { pull, inFlight: shared.find };
}

async function pullOne(work: PullWork): Promise<Image> {
  const { ports, request, reference, progress, signal } = work;
  progress({ step: "resolve", detail: request.reference });
  const { manifest, pointedAt, indexes } = await resolveManifest(request.client, reference, parsePlatform(request.platform), signal);
  // From here on everything goes by the digest that is admitted here.
  const candidate = { repository: repositoryOf(reference), digest: manifest.digest, indexes, client: async () => request.client };
  await ports.trust?.admit(candidate, signal);
  const tags = reference.digest === null && !request.repair ? [formatReference(reference)] : [];
  // The digest of an index is a name of the image chosen from it, so that it is found by what a job says.
  const aliases = reference.digest === null || request.repair ? [] : [formatReference({ ...reference, tag: null, digest: pointedAt })];
  const current = await ports.find(manifest.digest, [...tags, ...aliases]);
  // Where an index chose, its word counts; without `--platform`, what runs here is the kernel's to say.
  const platform = request.platform === null || indexes.length > 0 ? null : parsePlatform(request.platform);
  if (current !== null && platform !== null) requirePlatform(current.image.config, platform);
  if (current?.unpacked && current.named) {
    progress({ step: "present", detail: manifest.digest });
    return current.image;
  }
  const { chainIds } = await takeContent(work, manifest, platform);
  // One that is here but damaged must not be taken for the one that just came.
  await quarantineDamaged(ports.paths, [manifest.digest], signal);
  const image = await ports.commitManifest(manifest.bytes, tags, { aliases, digest: manifest.digest });
  // Those of the blobs went with the commit.
  await ports.session.release(chainIds);
  progress({ step: "pulled", detail: image.digest });
  return image;
}

type FetchBlob = (request: PullRequest, repository: string, blob: Descriptor, signal: AbortSignal) => BlobFetch;

interface PullWork {
  ports: PullPorts;
  request: PullRequest;
  reference: Reference;
  fetchBlob: FetchBlob;
  /** Blobs and unpacked layers that are kept from prune until the pull is over, as often as they were pinned. */
  held: string[];
  progress: Progress;
  signal: AbortSignal;
  /** Ends what else is running. */
  giveUp(error: unknown): void;
}

async function pin({ ports, held }: PullWork, digests: readonly string[]): Promise<void> {
  for (const digest of digests) {
    await ports.session.pin(digest);
    held.push(digest);
  }
}

/** Brings config and layers into the store and unpacks them. */
async function takeContent(
  work: PullWork,
  fetched: { bytes: Buffer; digest: string },
  platform: Platform | null,
): Promise<UnpackableImage> {
  const manifest = parseManifest(fetched.bytes);
  const config = await takeConfig(work, manifest.config);
  if (platform !== null) requirePlatform(config, platform);
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length)
    throw new BerthError("image_invalid", `the image has ${manifest.layers.length} layers, but its config names ${diffIds.length}`);
  const chainIds = chainIdsOf(diffIds);
  // Each as often as it occurs: that is how often the commit lets go of it.
  await pin(work, [...manifest.layers.map((layer) => layer.digest), ...chainIds]);
  const image = { digest: fetched.digest, references: [work.request.reference], layers: manifest.layers, chainIds, config };
  await takeLayers(work, image);
  return image;
}

async function takeConfig(work: PullWork, descriptor: Manifest["config"]): Promise<ImageConfig> {
  const { ports, request, reference, fetchBlob, signal } = work;
  if (descriptor.size > MAX_CONFIG_BYTES)
    throw new BerthError("image_invalid", `the image config has ${descriptor.size} bytes, at most ${MAX_CONFIG_BYTES} are allowed`);
  await pin(work, [descriptor.digest]);
  if ((await ports.blobs.size(descriptor.digest)) !== descriptor.size)
    await fetchBlob(request, reference.repository, descriptor, signal).done;
  if ((await quarantineDamaged(ports.paths, [descriptor.digest], signal)).length > 0)
    await fetchBlob(request, reference.repository, descriptor, signal).done;
  return parseImageConfig(await ports.blobs.read(descriptor.digest, MAX_CONFIG_BYTES));
}

async function takeLayers(work: PullWork, image: UnpackableImage): Promise<void> {
  const { ports, progress, signal } = work;
  const layers = startLayers(work, image.layers);
  const source: LayerSource = (digest) => layers.bytes(digest);
  const [fetched, unpacked] = await Promise.allSettled([layers.done, ports.unpack(image, progress, signal, source)]);
  if (fetched.status === "rejected") throw fetched.reason;
  signal.throwIfAborted();
  // Bytes that had to be fetched twice may have failed the unpacking; now they are verified, and only now it counts.
  if (unpacked.status === "rejected") await ports.unpack(image, progress, signal);
}

/** Fetches what is missing, a few layers at a time in order, each as soon as one before it is done. */
function startLayers(work: PullWork, layers: readonly Descriptor[]): { bytes: LayerSource; done: Promise<void> } {
  const { ports, request, reference, signal } = work;
  const meter = createProgressMeter(work.progress, ports.clock);
  const unique = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
  const fetches = new Map<string, PromiseWithResolvers>();
  for (const { digest } of unique) fetches.set(digest, withResolvers());
  const queue = unique.values();
  const worker = async () => {
    for (const layer of queue) {
      const started = fetches.get(layer.digest) as PromiseWithResolvers;
      const present = (await ports.blobs.size(layer.digest)) === layer.size;
      const fetch = present ? null : work.fetchBlob(request, reference.repository, layer, signal);
      started.resolve(fetch);
      if (fetch === null) meter.present(layer);
      else await meter.follow(layer, fetch);
    }
  };
  const done = Promise.all(Array.from({ length: LAYERS_AT_ONCE }, worker)).then(
    () => undefined,
    (error: unknown) => {
      for (const started of fetches.values()) started.reject(error);
      work.giveUp(error);
      throw error;
    },
  );
  const bytes: LayerSource = async function* (digest) {
    const fetch = await fetches.get(digest)?.promise;
    yield* fetch ? fetch.bytes(0, true) : (ports.blobs.stream(digest) as AsyncIterable<Uint8Array>);
  };
  return { bytes, done };
}

interface PromiseWithResolvers {
  promise: Promise<BlobFetch | null>;
  resolve(fetch: BlobFetch | null): void;
  reject(error: unknown): void;
}

function withResolvers(): PromiseWithResolvers {
  const made: Partial<PromiseWithResolvers> = {};
  const promise = new Promise<BlobFetch | null>((resolve, reject) => Object.assign(made, { resolve, reject }));
  promise.catch(() => undefined);
  return { ...made, promise } as PromiseWithResolvers;
}
