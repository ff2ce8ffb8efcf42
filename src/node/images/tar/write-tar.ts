import { BerthError } from "../../../shared/domain/index.ts";
import { formatPaxTime, type PaxRecords, writePax } from "./pax.ts";
import { TAR_BLOCK, type TarEntry, type TarEntryType, tarPadding } from "./tar-entry.ts";

/** An entry and its body. `body` must give exactly `entry.size` bytes. */
export interface TarMember {
  entry: TarEntry;
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | null;
}

const TYPE_FLAGS: Record<TarEntryType, string> = {
  file: "0",
  link: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;
const NS_PER_SECOND = 1_000_000_000n;

/**
 * Writes a PAX archive: same members, same bytes. A PAX header is added only where ustar cannot hold a value (long or
 * non-ASCII name, large number, time below a second, xattr).
 */
export async function* writeTar(members: AsyncIterable<TarMember> | Iterable<TarMember>): AsyncGenerator<Buffer> {
  for await (const { entry, body } of members) {
    yield entryHeader(entry);
    if (entry.type !== "file" || entry.size === 0) continue;
    yield* exactBody(entry, body ?? []);
    const padding = tarPadding(entry.size);
    if (padding > 0) yield Buffer.alloc(padding);
  }
  yield Buffer.alloc(2 * TAR_BLOCK);
}

async function* exactBody(entry: TarEntry, body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Buffer> {
  let written = 0;
  for await (const chunk of body) {
    written += chunk.byteLength;
    if (written > entry.size) break;
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  // Something still writes to the file; an archive with a wrong size would be read as garbage from here on.
  if (written !== entry.size) throw new BerthError("conflict", `${entry.path} changed its size while it was read`);
}

function entryHeader(entry: TarEntry): Buffer {
  const path = entry.type === "directory" && !entry.path.endsWith("/") ? `${entry.path}/` : entry.path;
  const records = paxRecordsOf(entry, path);
  const header = ustarHeader(entry, path, TYPE_FLAGS[entry.type]);
  if (records.size === 0) return header;
  const body = writePax(records);
  const pax = ustarHeader({ ...entry, size: body.byteLength, type: "file", linkPath: "", mode: 0o644 }, "PaxHeader", "x");
  return Buffer.concat([pax, body, Buffer.alloc(tarPadding(body.byteLength)), header]);
}

function paxRecordsOf(entry: TarEntry, path: string): PaxRecords {
  const records: PaxRecords = new Map();
  const seconds = Number(entry.mtimeNs / NS_PER_SECOND);
  if (!fitsName(path)) records.set("path", Buffer.from(path));
  if (!fitsName(entry.linkPath)) records.set("linkpath", Buffer.from(entry.linkPath));
  if (entry.size > MAX_OCTAL_11) records.set("size", Buffer.from(String(entry.size)));
  if (entry.uid > MAX_OCTAL_7) records.set("uid", Buffer.from(String(entry.uid)));
  if (entry.gid > MAX_OCTAL_7) records.set("gid", Buffer.from(String(entry.gid)));
  if (entry.mtimeNs % NS_PER_SECOND !== 0n || seconds < 0 || seconds > MAX_OCTAL_11)
    records.set("mtime", Buffer.from(formatPaxTime(entry.mtimeNs)));
  for (const name of Object.keys(entry.xattrs).sort()) records.set(`SCHILY.xattr.${name}`, entry.xattrs[name] as Buffer);
  return records;
}

function fitsName(name: string): boolean {
  return name.length <= 100 && /^[\x20-\x7e]*$/.test(name);
}

function ustarHeader(entry: TarEntry, path: string, typeFlag: string): Buffer {
  const block = Buffer.alloc(TAR_BLOCK);
  block.write(path, 0, 100, "utf8");
  block.write(octal(entry.mode, 7), 100);
  block.write(octal(entry.uid > MAX_OCTAL_7 ? 0 : entry.uid, 7), 108);
  block.write(octal(entry.gid > MAX_OCTAL_7 ? 0 : entry.gid, 7), 116);
  block.write(octal(entry.size > MAX_OCTAL_11 ? 0 : entry.size, 11), 124);
  block.write(octal(clampSeconds(entry.mtimeNs), 11), 136);
  block.write(typeFlag, 156);
  block.write(entry.linkPath, 157, 100, "utf8");
  block.write("ustar\x0000", 257, "latin1");
  block.fill(" ", 148, 156);
  block.write(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
    148,
    "latin1",
  );
  return block;
}

function clampSeconds(mtimeNs: bigint): number {
  return Math.min(Math.max(Number(mtimeNs / NS_PER_SECOND), 0), MAX_OCTAL_11);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
