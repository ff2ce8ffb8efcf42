import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareLibraryNames, mergeLdCache, parseLdCache, writeLdCache } from "../../../src/node/gpu/index.ts";
import { runs } from "../../support/property-runs.ts";

const X64 = 0x0303;

function entry(
  name: string,
  path = `/lib/${name}`,
  hwcap = 0n,
): { flags: number; osVersion: number; hwcap: bigint; name: string; path: string } {
  return { flags: X64, osVersion: 0, hwcap, name, path };
}

describe("ld.so.cache", () => {
  it("reads back what it wrote, hwcaps included", () => {
    const cache = {
      entries: [entry("libz.so.1", "/lib/glibc-hwcaps/x86-64-v3/libz.so.1", (1n << 62n) | 1n), entry("liba.so")],
      hwcaps: ["x86-64-v2", "x86-64-v3"],
    };
    expect(parseLdCache(writeLdCache(cache))).toEqual(cache);
  });

  it("reads the new table behind an old one", () => {
    const table = writeLdCache({ entries: [entry("liba.so.1")], hwcaps: [] });
    const old = Buffer.alloc(32);
    old.write("ld.so-1.7.0", "latin1");
    old.writeUInt32LE(1, 12);
    expect(parseLdCache(Buffer.concat([old, table]))?.entries).toEqual([entry("liba.so.1")]);
  });

  it("merges the driver's libraries at their place in the order", () => {
    const merged = mergeLdCache(
      { entries: [entry("libz.so.1"), entry("libc.so.6"), entry("liba.so")], hwcaps: [] },
      "/nv",
      ["libcuda.so.1"],
      "x64",
    );
    expect(merged.entries.map((found) => found.path)).toEqual(["/lib/libz.so.1", "/nv/libcuda.so.1", "/lib/libc.so.6", "/lib/liba.so"]);
  });

  it("puts the host's driver in the place of one that the image ships, but not of another architecture's", () => {
    const other = { ...entry("libcuda.so.1", "/lib32/libcuda.so.1"), flags: 3 };
    const merged = mergeLdCache(
      { entries: [entry("libcuda.so.1", "/compat/libcuda.so.1"), other], hwcaps: [] },
      "/nv",
      ["libcuda.so.1"],
      "x64",
    );
    expect(merged.entries.map((found) => found.path)).toEqual(["/nv/libcuda.so.1", "/lib32/libcuda.so.1"]);
  });

  it("orders names as glibc does", () => {
    const names = ["libfoo.so.10", "libfoo.so.9", "libfoo.so", "libfoo-2.so", "liba.so"];
    expect([...names].sort(compareLibraryNames)).toEqual(["liba.so", "libfoo-2.so", "libfoo.so", "libfoo.so.9", "libfoo.so.10"]);
  });

  it("never throws and never reads outside hostile bytes", () => {
    const good = writeLdCache({ entries: [entry("liba.so"), entry("libb.so")], hwcaps: ["x"] });
    const patch = fc.record({ at: fc.nat(good.length - 1), value: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(patch, { maxLength: 8 }), fc.nat(good.length), (patches, length) => {
        const bytes = Buffer.from(good);
        for (const { at, value } of patches) bytes[at] = value;
        parseLdCache(bytes.subarray(0, length));
      }),
      { numRuns: runs(5000) },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => parseLdCache(Buffer.from(bytes)) === null));
  });
});
