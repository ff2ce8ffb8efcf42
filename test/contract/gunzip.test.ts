import { createHash, randomBytes } from "node:crypto";
import { deflateRawSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { decompressed } from "../../src/node/images/content/compression.ts";
import { loadNative } from "../../src/node/platform/index.ts";

// Two decoders of gzip, one behaviour: what a layer unpacks to must not depend on what is installed.

const native = loadNative();
const DECODERS = { zlib: { createGunzip: () => null, freeBuffer: native.freeBuffer }, "ISA-L": native } as const;

const text = Buffer.from("a layer's bytes, ".repeat(20_000));
const noise = randomBytes(6000);
const plain = gzipSync(text);

/** A member with any header (RFC 1952, 2.3). */
function member(flags: number, fields: Buffer, content: Buffer): Buffer {
  const header = Buffer.concat([Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3]), fields]);
  const sum = Buffer.alloc(2);
  sum.writeUInt16LE(crc32(header) & 0xffff);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(content));
  trailer.writeUInt32LE(content.byteLength, 4);
  return Buffer.concat([header, ...(flags & 2 ? [sum] : []), deflateRawSync(content), trailer]);
}

/** Of a gzip of the same bytes: zlib.crc32 came after Node 20. */
function crc32(bytes: Buffer): number {
  return gzipSync(bytes).readUInt32LE(gzipSync(bytes).byteLength - 8);
}

const EXTRA = Buffer.concat([Buffer.from([0x2c, 1]), Buffer.alloc(300, 7)]);
const NAME = Buffer.from(`${"n".repeat(400)}\0`);
const COMMENT = Buffer.from(`${"c".repeat(400)}\0`);
const changed = (bytes: Buffer, at: number) =>
  Buffer.from(bytes).fill((bytes.at(at) as number) ^ 0x40, at < 0 ? bytes.length + at : at, (at < 0 ? bytes.length + at : at) + 1);

const WHOLE: Record<string, [Buffer, Buffer]> = {
  "a member": [plain, text],
  "what does not compress": [gzipSync(noise), noise],
  "stored blocks": [gzipSync(noise, { level: 0 }), noise],
  "fixed codes": [gzipSync(text, { strategy: 4 }), text],
  nothing: [gzipSync(Buffer.alloc(0)), Buffer.alloc(0)],
  "many members": [
    Buffer.concat(Array.from({ length: 8 }, () => gzipSync(noise.subarray(0, 300)))),
    Buffer.concat(Array.from({ length: 8 }, () => noise.subarray(0, 300))),
  ],
  "empty members between": [Buffer.concat([gzipSync(""), plain, gzipSync(""), plain]), Buffer.concat([text, text])],
  "zeros after the last member": [Buffer.concat([plain, Buffer.alloc(10_000)]), text],
  "a member after zeros, which is not read": [Buffer.concat([plain, Buffer.alloc(1), plain]), text],
  "a file name": [member(8, NAME, text), text],
  "a comment": [member(16, COMMENT, text), text],
  "an extra field": [member(4, EXTRA, text), text],
  "a header's checksum": [member(2, Buffer.alloc(0), text), text],
  "all of a header": [member(31, Buffer.concat([EXTRA, NAME, COMMENT]), text), text],
};

const DAMAGED: Record<string, Buffer> = {
  "the checksum is wrong": changed(plain, -8),
  "the length is wrong": changed(plain, -1),
  "the header's checksum is wrong": changed(member(2, Buffer.alloc(0), text), 10),
  "the method is unknown": changed(plain, 2),
  "a block's type is unknown": Buffer.concat([plain.subarray(0, 10), Buffer.from([7]), plain.subarray(11)]),
  "it looks back before its beginning": Buffer.concat([
    plain.subarray(0, 10),
    Buffer.from([0x03 | 0x60, 0x00, 0x11, 0x00]),
    plain.subarray(10),
  ]),
  "it ends in its header": plain.subarray(0, 10),
  "it ends in its data": plain.subarray(0, plain.length >> 1),
  "it ends in its trailer": plain.subarray(0, -1),
  "the second member is cut": Buffer.concat([plain, plain.subarray(0, -1)]),
  "the second member is damaged": Buffer.concat([plain, changed(plain, -8)]),
  "something else follows": Buffer.concat([plain, Buffer.from("something else")]),
  "one byte of a header follows": Buffer.concat([plain, Buffer.from([0x1f])]),
  "a reserved flag is set": member(0x20, Buffer.alloc(0), text),
};

const CHUNKS = { "in one piece": 1 << 30, "byte for byte": 1 };

/** As a file's reader does with one buffer: each piece overwrites the one before. */
async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  const kept = Buffer.alloc(Math.min(size, bytes.length));
  for (let at = 0; at < bytes.length; at += size) yield kept.subarray(0, bytes.copy(kept, 0, at, at + size));
}

async function decode(bytes: Buffer, decoder: keyof typeof DECODERS, size: number): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of decompressed(pieces(bytes, size), DECODERS[decoder])) hash.update(chunk);
  return hash.digest("hex");
}

describe.each(Object.keys(DECODERS) as (keyof typeof DECODERS)[])("gzip by %s", (decoder) => {
  it("is there", () => {
    if (decoder !== "zlib") expect(native.createGunzip()).not.toBeNull();
  });

  describe.each(Object.entries(CHUNKS))("%s", (_name, size) => {
    it.each(Object.entries(WHOLE))("is undone: %s", async (_case, [packed, expected]) => {
      expect(await decode(packed, decoder, size)).toBe(createHash("sha256").update(expected).digest("hex"));
    });
    it.each(Object.entries(DAMAGED))("is refused where %s", async (_case, packed) => {
      await expect(decode(packed, decoder, size)).rejects.toMatchObject({ code: "layer_invalid" });
    });
  });

  it("is undone in order where it is larger than any buffer", async () => {
    const large = Buffer.concat([randomBytes(1 << 20), Buffer.alloc(5_000_000, text), randomBytes(3 << 20)]);
    const packed = Buffer.concat([gzipSync(large, { level: 1 }), plain]);
    const expected = createHash("sha256").update(large).update(text).digest("hex");
    expect(await decode(packed, decoder, 100_000)).toBe(expected);
  });

  it("is undone no further than it is read: a bomb costs what is taken of it", async () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(1 << 26)));
    let [taken, asked] = [0, 0];
    async function* source() {
      for await (const inner of decompressed(pieces(bomb, 1 << 16), null)) {
        for (let at = 0; at < inner.length; at += 1024) {
          asked += 1;
          yield Buffer.from(inner.subarray(at, at + 1024));
        }
      }
    }
    for await (const chunk of decompressed(source(), DECODERS[decoder])) {
      taken += chunk.byteLength;
      if (taken > 1 << 20) break;
    }
    expect(taken).toBeLessThan(1 << 22);
    expect(asked).toBeLessThan(40);
  });

  it("passes on what its source fails with", async () => {
    async function* failing() {
      yield plain.subarray(0, 100);
      throw new Error("the line broke");
    }
    const read = async () => {
      for await (const chunk of decompressed(failing(), DECODERS[decoder])) void chunk;
    };
    await expect(read()).rejects.toThrow("the line broke");
  });

  it("lets go of its source when its reader stops", async () => {
    let closed = 0;
    async function* source() {
      try {
        for (;;) yield gzipSync(noise);
      } finally {
        closed += 1;
      }
    }
    for await (const chunk of decompressed(source(), DECODERS[decoder])) if (chunk.byteLength > 0) break;
    await expect.poll(() => closed).toBe(1);
  });
});
