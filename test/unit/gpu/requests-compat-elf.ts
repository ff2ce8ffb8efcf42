/** A 64-bit ELF file that holds nothing but a note section, as `cuda-compat` packages' libcuda has one. */
export function elfWithNote(description: string, changes: { owner?: string; section?: string; alignment?: number } = {}): Buffer {
  const { owner = "NVIDIA Corporation", section = ".note.cuda.fwd_compatibility", alignment = 4 } = changes;
  const note = noteBytes(owner, description, alignment);
  const names = Buffer.from(`\0.shstrtab\0${section}\0`);
  const noteAt = 64;
  const namesAt = noteAt + note.length;
  const tableAt = Math.ceil((namesAt + names.length) / 8) * 8;
  const file = Buffer.alloc(tableAt + 3 * 64);
  header(tableAt).copy(file);
  note.copy(file, noteAt);
  names.copy(file, namesAt);
  sectionHeader({ name: 1, type: 3, offset: namesAt, size: names.length, alignment: 1 }).copy(file, tableAt + 64);
  sectionHeader({ name: 11, type: 7, offset: noteAt, size: note.length, alignment }).copy(file, tableAt + 128);
  return file;
}

function header(tableAt: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write("\x7fELF\x02\x01\x01", "latin1");
  bytes.writeBigUInt64LE(BigInt(tableAt), 40);
  bytes.writeUInt16LE(64, 58);
  bytes.writeUInt16LE(3, 60);
  bytes.writeUInt16LE(1, 62);
  return bytes;
}

function sectionHeader(section: { name: number; type: number; offset: number; size: number; alignment: number }): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32LE(section.name, 0);
  bytes.writeUInt32LE(section.type, 4);
  bytes.writeBigUInt64LE(BigInt(section.offset), 24);
  bytes.writeBigUInt64LE(BigInt(section.size), 32);
  bytes.writeBigUInt64LE(BigInt(section.alignment), 48);
  return bytes;
}

function noteBytes(owner: string, description: string, alignment: number): Buffer {
  const pad = (text: string): Buffer => {
    const bytes = Buffer.from(`${text}\0`);
    return Buffer.concat([bytes, Buffer.alloc(Math.ceil(bytes.length / alignment) * alignment - bytes.length)]);
  };
  const sizes = Buffer.alloc(12);
  sizes.writeUInt32LE(Buffer.byteLength(owner) + 1, 0);
  sizes.writeUInt32LE(Buffer.byteLength(description) + 1, 4);
  return Buffer.concat([sizes, pad(owner), pad(description)]);
}
