import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { BerthError } from "../../../shared/domain/index.ts";
import { createDigester, digestLike, verifyDigest } from "../../../shared/oci/index.ts";
import { syncFolder } from "../../platform/index.ts";
import type { StorePaths } from "../paths.ts";
import { fileBytes } from "./file-bytes.ts";
import type { IngestSession } from "./ingest-session.ts";
import { foldersOfBlobs } from "./list-blobs.ts";
import { sizeOf } from "./probe-path.ts";
import { asStorageError } from "./storage-error.ts";

/** Content addressed files. A blob that can be seen is complete, has the digest it is named after, and is on disk. */
export interface BlobStore {
  /**
   * Takes in a stream and pins the result. With `expected`, digest and size are checked before the blob becomes visible.
   * @throws BerthError digest_mismatch, insufficient_storage
   */
  write(
    source: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    expected?: { digest: string; size: number },
  ): Promise<{ digest: string; size: number }>;
  /** Takes in a small document and pins it, named by the algorithm of `like` (a digest); sha256 when left out. */
  put(bytes: Uint8Array, like?: string): Promise<{ digest: string; size: number }>;
  /** A whole small blob, verified again. @throws BerthError image_invalid (missing, too large), digest_mismatch */
  read(digest: string, maxBytes: number): Promise<Buffer>;
  stream(digest: string): AsyncIterable<Buffer>;
  /** Bytes; null when there is no such blob. */
  size(digest: string): Promise<number | null>;
  list(): Promise<string[]>;
  /** Removes files that are no blobs: half written ones of killed processes. Call under the store lock, as their writers do. */
  sweep(): Promise<void>;
  remove(digest: string): Promise<void>;
}

/** `session` pins what is written until an image names it, so that a prune of another process lets it be. */
export function createBlobStore(paths: StorePaths, session: IngestSession): BlobStore {
  const size = (digest: string) => sizeOf(paths.blob(digest));
  const write: BlobStore["write"] = async (source, signal, expected) => {
    const temporary = session.temporaryPath();
    try {
      const written = await spool(temporary, source, signal, expected);
      await session.pin(written.digest);
      await rename(temporary, paths.blob(written.digest));
      await syncFolder(dirname(paths.blob(written.digest)));
      return written;
    } catch (error) {
      await rm(temporary, { force: true });
      throw asStorageError(error);
    }
  };
  return {
    write,
    async put(bytes, like = "sha256:") {
      const digest = digestLike(like, bytes);
      await session.pin(digest);
      if ((await size(digest)) === bytes.byteLength) return { digest, size: bytes.byteLength };
      await session.release([digest]);
      return write(one(bytes), new AbortController().signal, { digest, size: bytes.byteLength });
    },
    async read(digest, maxBytes) {
      const bytes = await readBounded(paths.blob(digest), digest, maxBytes);
      verifyDigest(bytes, digest, `blob ${digest}`);
      return bytes;
    },
    stream: (digest) => fileBytes(paths.blob(digest)),
    size,
    list: async () => (await foldersOfBlobs(paths)).flatMap(({ digests }) => digests),
    async sweep() {
      for (const { others } of await foldersOfBlobs(paths)) for (const path of others) await rm(path, { force: true });
    },
    remove: (digest) => rm(paths.blob(digest), { force: true }),
  };
}

async function spool(
  path: string,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  expected: { digest: string; size: number } | undefined,
): Promise<{ digest: string; size: number }> {
  const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    const digester = createDigester(expected?.digest);
    for await (const chunk of source) {
      signal.throwIfAborted();
      digester.update(chunk);
      // Checked while it arrives: a lying size must not fill the disk first.
      if (expected !== undefined && digester.size > expected.size) throw mismatch(expected, `more than ${expected.size} bytes`);
      await writeAll(handle, chunk);
    }
    signal.throwIfAborted();
    const written = { digest: digester.digest(), size: digester.size };
    if (expected !== undefined && written.size !== expected.size)
      throw mismatch(expected, `${written.size} bytes, expected ${expected.size}`);
    if (expected !== undefined && written.digest !== expected.digest) throw mismatch(expected, `digest ${written.digest}`);
    await handle.sync();
    return written;
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    done += (await handle.write(bytes, done, bytes.byteLength - done)).bytesWritten;
  }
}

async function readBounded(path: string, digest: string, maxBytes: number): Promise<Buffer> {
  const bytes = await sizeOf(path);
  if (bytes === null) throw new BerthError("image_invalid", `blob ${digest} is missing`);
  if (bytes > maxBytes)
    throw new BerthError("image_invalid", `blob ${digest} has ${bytes} bytes, at most ${maxBytes} are allowed for its kind`);
  const handle = await open(path, "r");
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function mismatch(expected: { digest: string }, found: string): BerthError {
  return new BerthError("digest_mismatch", `blob ${expected.digest} came with ${found}`);
}
