/** What a compat libcuda says of itself in its ELF note. */
export interface CompatNote {
  /** "13.1"; null when the note has none. */
  cudaVersion: string | null;
  /** Driver branches of the kernel side that it works with: 535, 550, ... */
  driverBranches: number[];
}

/** One section of an ELF file that may be looked at. */
export interface NoteSection {
  offset: number;
  size: number;
  alignment: number;
}

const SECTION = ".note.cuda.fwd_compatibility";
const OWNER = "NVIDIA Corporation";
const NOTE_TYPE = 7;
const HEADER_SIZE = 64;
const MOST_SECTIONS = 4096;
const LARGEST_NOTE = 64 * 1024;
const MOST_BRANCHES = 256;

/** Reads `length` bytes at `offset`; null when the file does not have them. Files of images come to 100 MB: never read whole. */
export type ReadAt = (offset: number, length: number) => Promise<Buffer | null>;

/**
 * The note of a 64-bit little-endian ELF file. Null when there is none, or when anything about the file is not as the ELF
 * specification says: the bytes come from an image and are believed nothing.
 */
export async function readCompatNote(read: ReadAt): Promise<CompatNote | null> {
  const header = await read(0, HEADER_SIZE);
  const table = header && sectionTable(header);
  const headers = table && (await read(table.offset, table.entrySize * table.count));
  if (!headers) return null;
  const names = sectionAt(headers, table.entrySize, table.namesIndex);
  const namesBytes = names && names.size <= LARGEST_NOTE ? await read(names.offset, names.size) : null;
  const section = namesBytes && findNote(headers, table, namesBytes);
  const bytes = section && section.size <= LARGEST_NOTE ? await read(section.offset, section.size) : null;
  return bytes && section ? parseNote(bytes, section.alignment) : null;
}

interface SectionTable {
  offset: number;
  entrySize: number;
  count: number;
  namesIndex: number;
}

/** ELF-64 object file format, "ELF header". */
function sectionTable(header: Buffer): SectionTable | null {
  const isElf64 = header.readUInt32BE(0) === 0x7f454c46 && header[4] === 2 && header[5] === 1;
  const [entrySize, count, namesIndex] = [header.readUInt16LE(58), header.readUInt16LE(60), header.readUInt16LE(62)];
  const offset = safeNumber(header.readBigUInt64LE(40));
  if (!isElf64 || offset === null || entrySize !== 64 || count === 0 || count > MOST_SECTIONS || namesIndex >= count) return null;
  return { offset, entrySize, count, namesIndex };
}

function sectionAt(headers: Buffer, entrySize: number, index: number): (NoteSection & { nameOffset: number; type: number }) | null {
  const at = index * entrySize;
  const [offset, size, alignment] = [24, 32, 48].map((field) => safeNumber(headers.readBigUInt64LE(at + field)));
  if (offset === null || size === null || offset === undefined || size === undefined) return null;
  return { nameOffset: headers.readUInt32LE(at), type: headers.readUInt32LE(at + 4), offset, size, alignment: alignment === 8 ? 8 : 4 };
}

function findNote(headers: Buffer, table: SectionTable, names: Buffer): NoteSection | null {
  const wanted = Buffer.from(`${SECTION}\0`);
  for (let index = 0; index < table.count; index++) {
    const section = sectionAt(headers, table.entrySize, index);
    if (section?.type !== NOTE_TYPE) continue;
    if (names.subarray(section.nameOffset, section.nameOffset + wanted.length).equals(wanted)) return section;
  }
  return null;
}

/** A note: three 32-bit sizes and the type, the owner's name, the description; both padded to the section's alignment. */
function parseNote(bytes: Buffer, alignment: number): CompatNote | null {
  if (bytes.length < 12) return null;
  const [nameSize, descriptionSize] = [bytes.readUInt32LE(0), bytes.readUInt32LE(4)];
  const from = 12 + Math.ceil(nameSize / alignment) * alignment;
  if (from + descriptionSize > bytes.length) return null;
  const owner = withoutNul(bytes.subarray(12, 12 + nameSize));
  return owner === OWNER ? parseDescription(withoutNul(bytes.subarray(from, from + descriptionSize))) : null;
}

function withoutNul(bytes: Buffer): string {
  return bytes.toString("utf8").replaceAll("\0", "");
}

/** {"Format": 1, "CUDA Version": "13.1", "Driver": [535, 550], "Device": [...]} */
function parseDescription(text: string): CompatNote | null {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null) return null;
  const { "CUDA Version": cuda, Driver: branches } = value as Record<string, unknown>;
  const numbers = Array.isArray(branches) ? branches.slice(0, MOST_BRANCHES) : [];
  return {
    cudaVersion: typeof cuda === "string" && cuda.length <= 32 ? cuda : null,
    driverBranches: numbers.filter((branch): branch is number => Number.isInteger(branch)),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A note that is no JSON says nothing: the version in the file's name decides then.
    return null;
  }
}

function safeNumber(value: bigint): number | null {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : null;
}
