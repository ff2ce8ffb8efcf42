import fc from "fast-check";
import { extract } from "tar-stream";
import { describe, expect, it } from "vitest";
import { readTar, type TarEntry, type TarMember, writeTar } from "../../../src/node/images/index.ts";
import { runs } from "../../support/property-runs.ts";
import { bytesStream, END_OF_TAR, paxEntry, rawEntry, tarStream } from "../../support/tar-bytes.ts";

async function entriesOf(source: AsyncIterable<Uint8Array>): Promise<{ entry: TarEntry; body: string }[]> {
  const found: { entry: TarEntry; body: string }[] = [];
  await readTar(source, async (entry, body) => {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
    found.push({ entry, body: Buffer.concat(chunks).toString("latin1") });
  });
  return found;
}

const file = (path: string, body: string, more: Partial<TarEntry> = {}): TarMember => ({
  entry: {
    type: "file",
    path,
    linkPath: "",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: Buffer.byteLength(body, "latin1"),
    mtimeNs: 0n,
    xattrs: {},
    ...more,
  },
  body: [Buffer.from(body, "latin1")],
});

describe("reading a tar", () => {
  it("gives back what was written, whatever does not fit the old header", async () => {
    const members = [
      file("a", "hello"),
      file(`${"long/".repeat(60)}ü`, "x".repeat(1000), {
        mtimeNs: 1_700_000_000_123_456_789n,
        uid: 3_000_000,
        gid: 4_294_967_294,
        mode: 0o4755,
      }),
      file("old", "", { mtimeNs: -1_500_000_000n }),
      file("caps", "", {
        xattrs: { "security.capability": Buffer.from([1, 0, 0, 2, 0x80, 0xff, 0x0a, 0x3d]), "user.a": Buffer.from("b=c\n") },
      }),
      { entry: { ...file("l", "").entry, type: "symlink", linkPath: "ü".repeat(90) }, body: null },
    ] satisfies TarMember[];
    const read = await entriesOf(writeTar(members));
    expect(read.map(({ entry }) => entry)).toEqual(members.map(({ entry }) => entry));
    expect(read[1]?.body).toBe("x".repeat(1000));
  });

  it("gives back any names, numbers and bytes", async () => {
    const name = fc
      .string({ unit: "binary", minLength: 1, maxLength: 150 })
      .filter((text) => !/[\0/]/.test(text) && Buffer.from(text).toString() === text);
    const member = fc.record({
      name,
      body: fc.string({ unit: "binary-ascii", maxLength: 1500 }),
      uid: fc.nat(4_294_967_294),
      ns: fc.bigInt(-(10n ** 18n), 10n ** 18n),
      xattr: fc.uint8Array({ maxLength: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(member, { maxLength: 4 }), async (list) => {
        const members = list.map((item) =>
          file(item.name, item.body, { uid: item.uid, mtimeNs: item.ns, xattrs: { "user.x": Buffer.from(item.xattr) } }),
        );
        const read = await entriesOf(writeTar(members));
        expect(read.map(({ entry }) => entry)).toEqual(members.map(({ entry }) => entry));
        expect(read.map(({ body }) => body)).toEqual(list.map(({ body }) => body));
      }),
      { numRuns: runs(25) },
    );
  });

  it("writes what another reader understands", async () => {
    const other = extract();
    const seen: [string, string | undefined][] = [];
    other.on("entry", (header, stream, next) => {
      const pax = (header.pax ?? {}) as Record<string, string>;
      seen.push([header.name, pax["SCHILY.xattr.user.a"]]);
      stream.resume().on("end", next);
    });
    const done = new Promise<void>((resolve, reject) => other.on("finish", () => resolve()).on("error", reject));
    for await (const chunk of writeTar([file("x".repeat(300), "abc", { xattrs: { "user.a": Buffer.from("1") } }), file("y", "z")]))
      other.write(chunk);
    other.end(Buffer.alloc(0));
    await done;
    expect(seen).toEqual([
      ["x".repeat(300), "1"],
      ["y", undefined],
    ]);
  });

  it("skips what its caller does not read, across chunks of any size", async () => {
    const bytes = Buffer.concat([rawEntry({ name: "a", body: "x".repeat(5000) }), rawEntry({ name: "b", body: "y" }), END_OF_TAR]);
    for (const chunk of [1, 511, 513, 100_000]) {
      const names: string[] = [];
      await readTar(bytesStream(bytes, chunk), async (entry, body) => {
        names.push(entry.path);
        for await (const _first of body) break;
      });
      expect(names).toEqual(["a", "b"]);
    }
  });

  it("reads GNU long names and base-256 numbers, and old folders marked by a slash", async () => {
    const long = "d/".repeat(100);
    const size = Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
    const read = await entriesOf(
      tarStream(
        rawEntry({ name: "././@LongLink", type: "L", body: `${long}f\0` }),
        rawEntry({ name: "short", body: "abc", size }),
        rawEntry({ name: "old/", type: "\0", magic: "" }),
      ),
    );
    expect(read.map(({ entry }) => [entry.type, entry.path, entry.size])).toEqual([
      ["file", `${long}f`, 3],
      ["directory", "old/", 0],
    ]);
  });

  it("takes an archive without end mark, and nothing at all, for what they are", async () => {
    expect(await entriesOf(bytesStream(rawEntry({ name: "a", body: "b" })))).toHaveLength(1);
    expect(await entriesOf(bytesStream(Buffer.alloc(0)))).toEqual([]);
  });

  it.each([
    ["a wrong checksum", rawEntry({ name: "a", checksum: "000001\0 " })],
    ["a size that is no number", rawEntry({ name: "a", size: "12x45678901" })],
    ["a negative size", rawEntry({ name: "a", size: Buffer.alloc(12, 0xff) })],
    [
      "a size beyond any disk",
      rawEntry({ name: "a", size: Buffer.from([0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) }),
    ],
    ["a name that is not UTF-8", rawEntry({ name: Buffer.from([0x61, 0xff]) })],
    ["a GNU sparse file", rawEntry({ name: "a", type: "S" })],
    ["a PAX sparse file", Buffer.concat([paxEntry({ "GNU.sparse.major": "1" }), rawEntry({ name: "a" })])],
    ["an unknown type", rawEntry({ name: "a", type: "Z" })],
    ["a PAX size that is no number", Buffer.concat([paxEntry({ size: "-5" }), rawEntry({ name: "a" })])],
    ["a PAX time that is no time", Buffer.concat([paxEntry({ mtime: "now" }), rawEntry({ name: "a" })])],
    ["a malformed PAX record", Buffer.concat([rawEntry({ name: "p", type: "x", body: "99 path=b\n" }), rawEntry({ name: "a" })])],
    ["a global header that renames everything", Buffer.concat([paxEntry({ path: "x" }, "g"), rawEntry({ name: "a" })])],
    ["a chain of long names", Buffer.concat(Array.from({ length: 9 }, () => rawEntry({ name: "l", type: "L", body: "n" })))],
    ["an extension header of a gigabyte", rawEntry({ name: "l", type: "L", size: "10000000000" })],
    ["a lone zero block", Buffer.concat([Buffer.alloc(512), rawEntry({ name: "a" })])],
  ])("refuses %s", async (_, bytes) => {
    await expect(entriesOf(tarStream(bytes))).rejects.toMatchObject({ code: "layer_invalid" });
  });

  it.each([
    ["a header", 300],
    ["a body", 700],
    ["padding", 1020],
  ])("refuses an archive cut in %s", async (_, length) => {
    await expect(entriesOf(bytesStream(rawEntry({ name: "a", body: "x".repeat(500) }).subarray(0, length)))).rejects.toMatchObject({
      code: "layer_invalid",
    });
  });

  it("refuses to write a file that changed its size meanwhile", async () => {
    for (const body of ["abcd", "ab"]) {
      const member = { ...file("a", "abc"), body: [Buffer.from(body)] };
      await expect(entriesOf(writeTar([member]))).rejects.toMatchObject({ code: "conflict" });
    }
  });
});
