import { createHash } from "node:crypto";
import { mkdir, readdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readTar } from "../../../src/node/images/index.ts";
import { createLayerWriter } from "../../../src/node/images/unpack/layer-writer.ts";
import { layerLimits } from "../../../src/node/images/unpack/unpack-layer.ts";
import type { NativeRoot } from "../../../src/node/platform/index.ts";
import { fingerprint, hostileEntries } from "../../support/hostile-entries.ts";
import { END_OF_TAR, paxEntry, rawEntry, tarStream } from "../../support/tar-bytes.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";
import { unpackTar } from "../../support/unpack-tar.ts";

let test: TestStore;
let outside: string;
let layer: string;
let root: NativeRoot;

beforeEach(async () => {
  test = await openTestStore();
  outside = join(test.dataDir, "outside");
  layer = join(test.dataDir, "unpack-here");
  await mkdir(outside);
  await mkdir(layer);
  await writeFile(join(outside, "canary"), "untouched", { mode: 0o600 });
  root = await test.native.openRoot(layer);
});
afterEach(async () => {
  root.close();
  await test.remove();
});

const unpack = (...parts: Buffer[]) => unpackTar(test, root, tarStream(...parts), layerLimits(0));

describe("unpacking a hostile layer", () => {
  it.each(Object.keys(hostileEntries("")))("changes nothing outside: %s", async (name) => {
    const before = await fingerprint(outside);
    await unpack(...(hostileEntries(outside)[name] as Buffer[])).catch((error: unknown) => {
      expect(error).toMatchObject({ code: "layer_invalid" });
    });
    expect(await fingerprint(outside)).toBe(before);
    expect((await stat(join(outside, "canary"))).nlink).toBe(1);
  });

  it.each(["a name with ..", "a hard link to the outside", "a whiteout of the parent", "a PAX path", "a PAX link path", "a GNU long name"])(
    "is refused as a whole: %s",
    async (name) => {
      await expect(unpack(...(hostileEntries(outside)[name] as Buffer[]))).rejects.toMatchObject({ code: "layer_invalid" });
    },
  );

  it("makes no devices", async () => {
    await unpack(rawEntry({ name: "sda", type: "4" }), rawEntry({ name: "mem", type: "3" }), rawEntry({ name: "pipe", type: "6" }));
    expect(await root.list("")).toEqual(["pipe"]);
  });

  it("takes no control of overlayfs by attributes, and keeps capabilities byte for byte", async () => {
    const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
    const records = {
      "SCHILY.xattr.trusted.overlay.opaque": "y",
      "SCHILY.xattr.trusted.overlay.redirect": "/etc",
      "SCHILY.xattr.user.overlay.metacopy": "",
      "SCHILY.xattr.security.capability": capability,
      "SCHILY.xattr.user.note": Buffer.from([0, 255, 10, 61]),
    };
    await unpack(paxEntry(records), rawEntry({ name: "f", mode: "0004755" }));
    expect(await root.xattrs("f")).toEqual({ "security.capability": capability, "user.note": Buffer.from([0, 255, 10, 61]) });
    expect((await root.stat("f"))?.mode).toBe(0o4755);
  });

  it("lets the last of several entries with one name win, whatever they are", async () => {
    await unpack(
      rawEntry({ name: "x", body: "first" }),
      rawEntry({ name: "x", type: "5", mode: "0000700" }),
      rawEntry({ name: "x/inside", body: "1" }),
      rawEntry({ name: "x", type: "2", linkName: "nowhere" }),
      rawEntry({ name: "y", type: "5" }),
      rawEntry({ name: "y", body: "file" }),
    );
    expect(await root.readlink("x")).toBe("nowhere");
    expect((await root.stat("y"))?.kind).toBe("file");
  });

  it.each([
    ["a file below a file", [rawEntry({ name: "f" }), rawEntry({ name: "f/x" })]],
    ["a hard link to a folder", [rawEntry({ name: "d", type: "5" }), rawEntry({ name: "h", type: "1", linkName: "d" })]],
    ["a hard link to nothing", [rawEntry({ name: "h", type: "1", linkName: "none" })]],
    [
      "a loop of links",
      [rawEntry({ name: "a", type: "2", linkName: "b" }), rawEntry({ name: "b", type: "2", linkName: "a" }), rawEntry({ name: "a/x" })],
    ],
    ["a root that is a file", [rawEntry({ name: "./", type: "2", linkName: "/etc" })]],
    ["an empty link", [rawEntry({ name: "l", type: "2", linkName: "" })]],
    ["a name too long for the disk", [paxEntry({ path: "n".repeat(300) }), rawEntry({ name: "x" })]],
  ])("refuses %s", async (_, parts) => {
    await expect(unpack(...parts)).rejects.toMatchObject({ code: "layer_invalid" });
  });

  it("stays inside while somebody swaps a folder for a link as it goes", async () => {
    const before = await fingerprint(outside);
    const writer = createLayerWriter(root, async () => null, test.native);
    let racing = true;
    await root.mkdir("d", 0o755);
    await root.symlink("../outside", "link");
    const at = (name: string) => join(layer, name);
    const race = async () => {
      while (racing) {
        await rename(at("d"), at("folder"));
        await rename(at("link"), at("d"));
        await rename(at("d"), at("link"));
        await rename(at("folder"), at("d"));
      }
    };
    // The writer may put a folder in the place of the one that is away: that ends the race early.
    const racer = race().catch(() => undefined);
    const entries = Array.from({ length: 300 }, (_, index) =>
      rawEntry({ name: `d/${index % 2 === 0 ? "canary" : `f${index}`}`, body: "x" }),
    );
    for (const entry of entries)
      await readTar(tarStream(entry), (header, body) => writer.add(header, header.path, body)).catch(() => undefined);
    racing = false;
    await racer;
    await writer.close();
    expect(await readdir(outside)).toEqual(["canary"]);
    expect(await fingerprint(outside)).toBe(before);
  });
});

describe("an image", () => {
  const commit = async (diffId: string, digest: string, size: number) =>
    test.store.commit({
      config: { architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers", diff_ids: [diffId] } },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size }],
      reference: "bad:1",
    });

  it("whose layer is not what its config says is not unpacked, and nothing of it is left", async () => {
    const { descriptor } = await test.store.addLayer(tarStream(rawEntry({ name: "a", body: "b" })), neverAborted());
    const image = await commit(`sha256:${"1".repeat(64)}`, descriptor.digest, descriptor.size);
    await expect(test.store.unpack(image, () => undefined, neverAborted())).rejects.toMatchObject({ code: "digest_mismatch" });
    expect(await readdir(join(test.dataDir, "layers"))).toEqual([]);
  });

  it("whose layer is damaged gzip is refused", async () => {
    const whole = gzipSync(Buffer.concat([rawEntry({ name: "a", body: "x".repeat(9000) }), END_OF_TAR]));
    const broken = whole.subarray(0, whole.byteLength - 20);
    const digest = createHash("sha256").update(broken).digest("hex");
    await expect(
      test.store.load(tarStream(rawEntry({ name: `blobs/sha256/${digest}`, body: broken })), () => undefined, neverAborted()),
    ).rejects.toThrow();
    const image = await commit(`sha256:${"1".repeat(64)}`, `sha256:${digest}`, broken.byteLength);
    await expect(test.store.unpack(image, () => undefined, neverAborted())).rejects.toMatchObject({ code: "layer_invalid" });
  });
});
