import {
  ENTRY_SIZE,
  EXTENSION_MAGIC,
  HEADER_SIZE,
  HWCAPS_TAG,
  type LdCache,
  LITTLE_ENDIAN,
  MAGIC,
  SECTION_SIZE,
} from "./ld-cache-format.ts";

/** The bytes of a cache in the one format that every glibc since 2.2 reads. Entries keep their order. */
export function writeLdCache(cache: LdCache): Buffer {
  const strings = new StringTable(HEADER_SIZE + cache.entries.length * ENTRY_SIZE);
  const entries = Buffer.concat(cache.entries.map((entry) => writeEntry(entry, strings)));
  const hwcaps = cache.hwcaps.map((name) => strings.add(name));
  const text = strings.bytes();
  const padding = Buffer.alloc((4 - ((HEADER_SIZE + entries.length + text.length) % 4)) % 4);
  const extensionAt = HEADER_SIZE + entries.length + text.length + padding.length;
  const header = writeHeader(cache.entries.length, text.length, hwcaps.length > 0 ? extensionAt : 0);
  return Buffer.concat([header, entries, text, padding, ...(hwcaps.length > 0 ? [writeExtension(extensionAt, hwcaps)] : [])]);
}

function writeHeader(count: number, stringBytes: number, extensionAt: number): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  MAGIC.copy(header);
  header.writeUInt32LE(count, 20);
  header.writeUInt32LE(stringBytes, 24);
  header.writeUInt8(LITTLE_ENDIAN, 28);
  header.writeUInt32LE(extensionAt, 32);
  return header;
}

function writeEntry(entry: LdCache["entries"][number], strings: StringTable): Buffer {
  const bytes = Buffer.alloc(ENTRY_SIZE);
  bytes.writeInt32LE(entry.flags, 0);
  bytes.writeUInt32LE(strings.add(entry.name), 4);
  bytes.writeUInt32LE(strings.add(entry.path), 8);
  bytes.writeUInt32LE(entry.osVersion, 12);
  bytes.writeBigUInt64LE(entry.hwcap, 16);
  return bytes;
}

function writeExtension(at: number, hwcaps: number[]): Buffer {
  const head = Buffer.alloc(8 + SECTION_SIZE);
  head.writeUInt32LE(EXTENSION_MAGIC, 0);
  head.writeUInt32LE(1, 4);
  head.writeUInt32LE(HWCAPS_TAG, 8);
  head.writeUInt32LE(at + head.length, 16);
  head.writeUInt32LE(hwcaps.length * 4, 20);
  const names = Buffer.alloc(hwcaps.length * 4);
  for (const [i, offset] of hwcaps.entries()) names.writeUInt32LE(offset, i * 4);
  return Buffer.concat([head, names]);
}

/** Each distinct string once, NUL-terminated. */
class StringTable {
  readonly #offsets = new Map<string, number>();
  readonly #parts: Buffer[] = [];
  #next: number;

  constructor(start: number) {
    this.#next = start;
  }

  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#next;
    const bytes = Buffer.from(`${text}\0`, "latin1");
    this.#parts.push(bytes);
    this.#offsets.set(text, offset);
    this.#next += bytes.length;
    return offset;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
