import { BerthError } from "../../../shared/domain/index.ts";
import { TAR_BLOCK } from "./tar-entry.ts";

/** The fixed 512-byte header, fields as they stand there. */
export interface TarHeader {
  typeFlag: string;
  name: string;
  linkName: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtimeSeconds: number;
}

const CHECKSUM = { offset: 148, length: 8 };

/**
 * Reads a header block (POSIX.1-1988 ustar and GNU). Numbers are octal or GNU base-256; anything else is refused rather
 * than guessed, so that no other reader of the same bytes sees another archive.
 * @throws BerthError layer_invalid
 */
export function readHeader(block: Buffer): TarHeader {
  checkSum(block);
  const ustar = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = ustar ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  return {
    typeFlag: String.fromCharCode(block[156] as number),
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkName: text(block, 157, 100),
    mode: number(block, 100, 8, "mode"),
    uid: number(block, 108, 8, "uid"),
    gid: number(block, 116, 8, "gid"),
    size: number(block, 124, 12, "size"),
    mtimeSeconds: number(block, 136, 12, "mtime", { signed: true }),
  };
}

/** Two of them end an archive (POSIX.1-1988, ustar). */
export function isZeroBlock(block: Buffer): boolean {
  return block.equals(ZERO_BLOCK);
}

const ZERO_BLOCK = Buffer.alloc(TAR_BLOCK);

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Decodes a name. Bytes that are not UTF-8 cannot be kept as they are, and a changed name may hit another file. */
export function decodeName(bytes: Buffer): string {
  try {
    return UTF8.decode(bytes);
  } catch (error) {
    throw new BerthError("layer_invalid", `a name is not UTF-8: ${JSON.stringify(bytes.toString("latin1"))}`, { cause: error });
  }
}

function text(block: Buffer, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return decodeName(end < 0 ? field : field.subarray(0, end));
}

function number(block: Buffer, offset: number, length: number, field: string, options: { signed?: boolean } = {}): number {
  const bytes = block.subarray(offset, offset + length);
  const value = ((bytes[0] as number) & 0x80) === 0 ? octal(bytes) : base256(bytes);
  const allowed = Number.isSafeInteger(value) && (value >= 0 || options.signed === true);
  if (!allowed) throw new BerthError("layer_invalid", `a header's ${field} is not a number in range: ${bytes.toString("hex")}`);
  return value;
}

function octal(bytes: Buffer): number {
  const digits = bytes
    .toString("latin1")
    .replace(/^ +/, "")
    .replace(/[ \0].*$/s, "");
  if (digits === "") return 0;
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

/** GNU's form for large numbers: the top bit marks it, the rest is a big-endian two's complement integer. */
function base256(bytes: Buffer): number {
  const bits = BigInt(bytes.byteLength * 8 - 1);
  const raw = BigInt(`0x${bytes.toString("hex")}`) & ((1n << bits) - 1n);
  return Number(BigInt.asIntN(Number(bits), raw));
}

function checkSum(block: Buffer): void {
  const stored = number(block, CHECKSUM.offset, CHECKSUM.length, "checksum");
  let sum = CHECKSUM.length * 0x20;
  for (let i = 0; i < TAR_BLOCK; i++) {
    if (i < CHECKSUM.offset || i >= CHECKSUM.offset + CHECKSUM.length) sum += block[i] as number;
  }
  if (sum !== stored) throw new BerthError("layer_invalid", "a header's checksum is wrong: not a tar archive, or a damaged one");
}
