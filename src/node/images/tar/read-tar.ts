import { BerthError } from "../../../shared/domain/index.ts";
import { type ByteReader, createByteReader, UnexpectedEnd } from "./byte-reader.ts";
import { type PaxRecords, paxInteger, paxTime, readPax } from "./pax.ts";
import { decodeName, isZeroBlock, readHeader, type TarHeader } from "./read-header.ts";
import { TAR_BLOCK, type TarEntry, type TarEntryType, tarPadding } from "./tar-entry.ts";

/** Names, links and xattrs of one entry: far above what any tool writes, far below what hurts. */
const MAX_EXTENSION_BYTES = 1024 * 1024;
/** A long name, a long link and a PAX header may each come once before an entry. */
const MAX_EXTENSIONS = 4;
const XATTR_PREFIX = "SCHILY.xattr.";

const TYPES: Record<string, TarEntryType> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  "1": "link",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

/** What is to be applied to the next entry. */
interface Extensions {
  longName: string | null;
  longLink: string | null;
  pax: PaxRecords;
}

/**
 * Reads a tar archive (ustar, GNU long names, PAX) entry by entry; a body that the callback leaves is skipped. The whole
 * source is read, also what follows the end mark, so that a digest taken of it covers all its bytes. A chunk of the source,
 * and of a body, holds only until the next one is asked for.
 *
 * Not `tar-stream`: that decodes PAX values as UTF-8, which damages binary xattrs (file capabilities), guesses at
 * malformed numbers, and costs a stream object an entry.
 * @throws BerthError layer_invalid
 */
export async function readTar(
  source: AsyncIterable<Uint8Array>,
  onEntry: (entry: TarEntry, body: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const reader = createByteReader(source);
  try {
    for (let entry = await nextEntry(reader); entry !== null; entry = await nextEntry(reader)) {
      const body = bodyOf(reader, entry.size);
      await onEntry(entry, body);
      for await (const _skipped of body);
      await skip(reader, tarPadding(entry.size));
    }
    await reader.drain();
  } catch (error) {
    await reader.cancel();
    throw error instanceof UnexpectedEnd ? new BerthError("layer_invalid", error.message, { cause: error }) : error;
  }
}

async function nextEntry(reader: ByteReader): Promise<TarEntry | null> {
  const extensions: Extensions = { longName: null, longLink: null, pax: new Map() };
  for (let count = 0; count <= MAX_EXTENSIONS; count++) {
    const header = await nextHeader(reader);
    if (header === null) return null;
    if (!(await readExtension(reader, header, extensions))) return entryOf(header, extensions);
  }
  throw new BerthError("layer_invalid", `more than ${MAX_EXTENSIONS} extension headers in a row`);
}

async function nextHeader(reader: ByteReader): Promise<TarHeader | null> {
  const block = await reader.take(TAR_BLOCK);
  if (block === null) return null;
  if (!isZeroBlock(block)) return readHeader(block);
  const second = await reader.take(TAR_BLOCK);
  if (second !== null && !isZeroBlock(second)) throw new BerthError("layer_invalid", "a lone zero block stands between entries");
  return null;
}

/** Takes in a header that belongs to the next entry; false when `header` is an entry itself. */
async function readExtension(reader: ByteReader, header: TarHeader, extensions: Extensions): Promise<boolean> {
  if (!"xgLK".includes(header.typeFlag)) return false;
  if (header.size > MAX_EXTENSION_BYTES) throw new BerthError("layer_invalid", `an extension header has ${header.size} bytes`);
  const taken = header.size === 0 ? Buffer.alloc(0) : await reader.take(header.size);
  if (taken === null) throw new UnexpectedEnd("the archive ends in an extension header");
  // Kept until the entry comes, while the reader goes on.
  const bytes = Buffer.from(taken);
  await skip(reader, tarPadding(header.size));
  if (header.typeFlag === "L") extensions.longName = cString(bytes);
  else if (header.typeFlag === "K") extensions.longLink = cString(bytes);
  else if (header.typeFlag === "x") extensions.pax = readPax(bytes);
  else refuseGlobalOverrides(readPax(bytes));
  return true;
}

/** A global header's comment (git archive) says nothing to us; one that renames or resizes every entry is an attack. */
function refuseGlobalOverrides(records: PaxRecords): void {
  const bad = ["path", "linkpath", "size"].find((key) => records.has(key));
  if (bad !== undefined) throw new BerthError("layer_invalid", `a global PAX header sets ${bad}`);
}

function entryOf(header: TarHeader, { longName, longLink, pax }: Extensions): TarEntry {
  const path = paxName(pax, "path") ?? longName ?? header.name;
  const type = typeOf(header, path, pax);
  const mtime = pax.get("mtime");
  return {
    type,
    path,
    linkPath: type === "link" || type === "symlink" ? (paxName(pax, "linkpath") ?? longLink ?? header.linkName) : "",
    mode: header.mode & 0o7777,
    uid: paxNumber(pax, "uid") ?? header.uid,
    gid: paxNumber(pax, "gid") ?? header.gid,
    // As in Go's archive/tar, which wrote nearly every layer there is: only files have bodies.
    size: type === "file" ? (paxNumber(pax, "size") ?? header.size) : 0,
    mtimeNs: mtime === undefined ? BigInt(header.mtimeSeconds) * 1_000_000_000n : paxTime(mtime),
    xattrs: xattrsOf(pax),
  };
}

function typeOf(header: TarHeader, path: string, pax: PaxRecords): TarEntryType {
  const sparse = header.typeFlag === "S" || [...pax.keys()].some((key) => key.startsWith("GNU.sparse."));
  if (sparse) throw new BerthError("layer_invalid", `${JSON.stringify(path)} is a sparse file, which image layers may not hold`);
  const type = TYPES[header.typeFlag];
  if (type === undefined)
    throw new BerthError("layer_invalid", `${JSON.stringify(path)} has the unknown type ${JSON.stringify(header.typeFlag)}`);
  // Archives from before POSIX mark folders by a trailing slash only.
  return type === "file" && path.endsWith("/") ? "directory" : type;
}

function xattrsOf(pax: PaxRecords): Record<string, Buffer> {
  const found = [...pax].filter(([key]) => key.startsWith(XATTR_PREFIX));
  return Object.fromEntries(found.map(([key, value]) => [key.slice(XATTR_PREFIX.length), Buffer.from(value)]));
}

function paxName(pax: PaxRecords, key: string): string | null {
  const value = pax.get(key);
  return value === undefined ? null : decodeName(value);
}

function paxNumber(pax: PaxRecords, key: string): number | null {
  const value = pax.get(key);
  return value === undefined ? null : paxInteger(value, key);
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return decodeName(end < 0 ? bytes : bytes.subarray(0, end));
}

/** The entry's bytes. Not a generator: a consumer that stops early would end it, and the rest could not be skipped. */
function bodyOf(reader: ByteReader, size: number): AsyncIterable<Buffer> {
  let missing = size;
  const next = async (): Promise<IteratorResult<Buffer, undefined>> => {
    if (missing === 0) return { done: true, value: undefined };
    const part = await reader.some(missing);
    if (part === null) throw new UnexpectedEnd("the archive ends in the middle of a file");
    missing -= part.byteLength;
    return { done: false, value: part };
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

async function skip(reader: ByteReader, count: number): Promise<void> {
  if (count === 0) return;
  if ((await reader.take(count)) === null) throw new UnexpectedEnd("the archive ends in padding");
}
