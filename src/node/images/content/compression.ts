import type { Transform } from "node:stream";
import { pipeline } from "node:stream";
import * as zlib from "node:zlib";
import { BerthError, errorText } from "../../../shared/domain/index.ts";
import { type ProgramFormat, throughProgram } from "./decompress-program.ts";
import { type GunzipFactory, gunzipped } from "./gunzip.ts";

/**
 * Level 1: on a 223 MB base image it takes 2.4 s where level 6 takes 5.3 s, for a result a tenth larger, and the blob
 * stays on this machine. zlib's gzip header has no time and no name, so equal input gives equal bytes on one build of Node.
 */
export function createLayerGzip(): zlib.Gzip {
  return zlib.createGzip({ level: 1, memLevel: 9, chunkSize: 1 << 18 });
}

/**
 * Undoes gzip, zstd, xz or bzip2 by what the first bytes are, not by what a manifest says; anything else passes as it is.
 * With `fast` a chunk, also of the source, holds only until the next one is asked for; without, it is its reader's.
 * @throws BerthError layer_invalid while it is read; missing_requirement where it takes a program that is not installed
 */
export async function* decompressed(source: AsyncIterable<Uint8Array>, fast: GunzipFactory | null = null): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  const head = await readHead(chunks, LONGEST_MAGIC);
  const whole = joined(head, chunks);
  const format = formatOf(head);
  if (format === null) return yield* whole;
  const gunzip = format === "gzip" ? (fast?.createGunzip() ?? null) : null;
  if (fast !== null && gunzip !== null) return yield* judged(gunzipped(gunzip, fast, whole));
  // These keep what they were given for a while.
  const kept = fast === null ? whole : copies(whole);
  const decoder = decoderOf(format);
  if (decoder === null) return yield* throughProgram(format as ProgramFormat, kept);
  // A failure of either side destroys the decoder, so the loop below sees it.
  pipeline(kept, decoder, () => undefined);
  yield* judged(decoder as AsyncIterable<Buffer>);
}

async function* copies(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}

async function* judged(decoded: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* decoded;
  } catch (error) {
    throw isDataError(error)
      ? new BerthError("layer_invalid", `the compressed data is damaged: ${errorText(error)}`, { cause: error })
      : error;
  }
}

type Format = "gzip" | ProgramFormat;

/** As text of one byte a character. bzip2's own three letters may begin a file name, so its first block's mark is asked too. */
const MAGIC: readonly [Format, RegExp][] = [
  ["gzip", /^\x1f\x8b/],
  ["zstd", /^\x28\xb5\x2f\xfd/],
  ["xz", /^\xfd7zXZ\0/],
  ["bzip2", /^BZh[1-9]1AY&SY/],
];
const LONGEST_MAGIC = 10;
/** Node has zstd since 22.15; the floor is 20. */
const createZstd = (zlib as { createZstdDecompress?: () => Transform }).createZstdDecompress;

function formatOf(head: Buffer): Format | null {
  const text = head.toString("latin1");
  return MAGIC.find(([, magic]) => magic.test(text))?.[0] ?? null;
}

/** Null where it takes a program. */
function decoderOf(format: Format): Transform | null {
  if (format === "gzip") return zlib.createGunzip({ chunkSize: 1 << 18 });
  return format === "zstd" && createZstd !== undefined ? createZstd() : null;
}

async function readHead(chunks: AsyncIterator<Uint8Array>, count: number): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.byteLength < count) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

async function* joined(head: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield head;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

function isDataError(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code.startsWith("Z_") || code.startsWith("ZSTD_");
}
