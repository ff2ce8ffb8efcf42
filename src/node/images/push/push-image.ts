import { Readable } from "node:stream";
import type { Clock } from "../../../shared/domain/index.ts";
import {
  algorithmOf,
  type Descriptor,
  MAX_MANIFEST_BYTES,
  MEDIA_TYPES,
  parseManifest,
  parseReference,
  type Reference,
  type RegistryClient,
} from "../../../shared/oci/index.ts";
import type { BlobStore } from "../content/blob-store.ts";
import { fileBytes } from "../content/file-bytes.ts";
import type { IngestSession } from "../content/ingest-session.ts";
import type { StorePaths } from "../paths.ts";
import type { Image, Progress } from "../types.ts";

/** What pushing needs of the store. */
export interface PushPorts {
  paths: StorePaths;
  clock: Clock;
  blobs: BlobStore;
  session: IngestSession;
  get(reference: string): Promise<Image>;
  list(): Promise<Image[]>;
}

export interface PushRequest {
  /** The image of this store, and where it goes. */
  reference: string;
  /** Of the reference's registry. */
  client: RegistryClient;
}

export type Push = (request: PushRequest, progress: Progress, signal: AbortSignal) => Promise<{ digest: string; reference: string }>;

const BLOBS_AT_ONCE = 4;

/**
 * Pushes images: blobs side by side, those that the registry has (or can take from another of its repositories) without
 * their bytes; the manifest last, so that no name there ever points at half an image.
 * @throws BerthError image_not_found, invalid_reference, registry_*
 */
export function createPusher(ports: PushPorts): Push {
  return async (request, progress, signal) => {
    const target = parseReference(request.reference);
    const image = await ports.get(request.reference);
    const held = [image.digest, image.configDigest, ...image.layers.map((layer) => layer.digest)];
    for (const digest of held) await ports.session.pin(digest);
    try {
      const bytes = await ports.blobs.read(image.digest, MAX_MANIFEST_BYTES);
      const manifest = parseManifest(bytes);
      await pushBlobs({ ports, request, target, progress, signal }, [...manifest.layers, manifest.config]);
      const mediaType = manifest.mediaType ?? MEDIA_TYPES.manifest;
      const put = (name: string) => request.client.putManifest(target.repository, name, { bytes, mediaType, digest: image.digest }, signal);
      // What is put at a tag gets a sha256 digest: by another one it is found only where it was put by that.
      if (target.tag === null || algorithmOf(image.digest) !== "sha256") await put(image.digest);
      if (target.tag !== null) await put(target.tag);
      progress({ step: "pushed", detail: image.digest });
      return { digest: image.digest, reference: request.reference };
    } finally {
      await ports.session.release(held);
    }
  };
}

interface PushWork {
  ports: PushPorts;
  request: PushRequest;
  target: Reference;
  progress: Progress;
  signal: AbortSignal;
}

async function pushBlobs(work: PushWork, blobs: readonly Descriptor[]): Promise<void> {
  const homes = await otherHomes(work);
  const failed = new AbortController();
  const signal = AbortSignal.any([work.signal, failed.signal]);
  const queue = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()].values();
  const worker = async () => {
    for (const blob of queue) await pushBlob({ ...work, signal }, blob, homes.get(blob.digest) ?? []);
  };
  const workers = Array.from({ length: BLOBS_AT_ONCE }, () =>
    worker().catch((error: unknown) => {
      failed.abort(error);
    }),
  );
  await Promise.all(workers);
  work.signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
}

async function pushBlob(
  { ports, request, target, progress, signal }: PushWork,
  blob: Descriptor,
  elsewhere: readonly string[],
): Promise<void> {
  const tell = createTeller(progress, ports.clock, blob);
  const open = ({ from, to }: { from: number; to: number }) =>
    Readable.from(counted(from, fileBytes(ports.paths.blob(blob.digest), { start: from, end: to - 1 })), {
      objectMode: false,
    });
  async function* counted(from: number, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let sent = from;
    for await (const chunk of bytes) {
      sent += chunk.byteLength;
      tell("upload", sent);
      yield chunk;
    }
  }
  tell("upload", 0);
  const outcome = await request.client.uploadBlob(target.repository, { digest: blob.digest, size: blob.size, open, elsewhere }, signal);
  progress({ step: outcome, detail: shortOf(blob), current: blob.size, total: blob.size });
}

const INTERVAL_MS = 200;

function createTeller(progress: Progress, clock: Clock, blob: Descriptor): (step: string, current: number) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (step, current) => {
    if (clock.monotonic() - last < INTERVAL_MS) return;
    last = clock.monotonic();
    progress({ step, detail: shortOf(blob), current, total: blob.size });
  };
}

function shortOf(blob: Descriptor): string {
  return blob.digest.slice("sha256:".length, "sha256:".length + 12);
}

/** Which other repositories of the same registry have a blob, by the names of this store's images. */
async function otherHomes({ ports, target }: PushWork): Promise<Map<string, string[]>> {
  const homes = new Map<string, string[]>();
  for (const image of await ports.list()) {
    const repositories = image.references
      .map(parseReference)
      .filter((name) => name.registry === target.registry && name.repository !== target.repository)
      .map((name) => name.repository);
    for (const { digest } of image.layers) homes.set(digest, [...new Set([...(homes.get(digest) ?? []), ...repositories])]);
  }
  return homes;
}
