import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Image } from "../../../src/node/images/index.ts";
import { digestOf, MEDIA_TYPES } from "../../../src/shared/oci/index.ts";
import { addLayered } from "../../support/layered-image.ts";
import { paxEntry, rawEntry, tarStream } from "../../support/tar-bytes.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";
import { addTinyImage } from "../../support/tiny-image.ts";

let test: TestStore;
beforeEach(async () => {
  test = await openTestStore();
});
afterEach(() => test.remove());

const signal = neverAborted();
const quiet = () => undefined;

const makeImage = (reference: string | null, ...layers: Buffer[]): Promise<Image> =>
  addLayered(
    test.store,
    reference,
    layers.map((layer) => [layer]),
  );

async function blobCount(): Promise<number> {
  return (await readdir(join(test.dataDir, "blobs/sha256"))).length;
}

describe("an image store", () => {
  it("gives equal images equal digests and lists each once", async () => {
    const [first, second] = [await addTinyImage(test.store, "a:1"), await addTinyImage(test.store, "b:1")];
    expect(second.digest).toBe(first.digest);
    expect(second.references).toEqual(["docker.io/library/a:1", "docker.io/library/b:1"]);
    expect(await test.store.list()).toEqual([second]);
  });

  it("finds an image again after it was closed and opened", async () => {
    const image = await addTinyImage(test.store);
    await test.store.close();
    expect(await (await test.openAgain()).get("tiny")).toEqual(image);
  });

  it("shows a second process what the first did", async () => {
    const other = await test.openAgain();
    const image = await addTinyImage(test.store);
    expect(await other.tag(image.digest, "again:2")).toMatchObject({ digest: image.digest });
    expect((await test.store.get("again:2")).digest).toBe(image.digest);
  });

  it("keeps every name when many are given at once by two processes", async () => {
    const other = await test.openAgain();
    const image = await addTinyImage(test.store);
    const names = Array.from({ length: 20 }, (_, index) => `name:${index}`);
    await Promise.all(names.map((name, index) => (index % 2 === 0 ? test.store : other).tag(image.digest, name)));
    expect((await test.store.get("tiny")).references).toHaveLength(21);
  });

  it("an image with several names goes by its digest only where that is meant", async () => {
    const { digest } = await addTinyImage(test.store);
    expect(await test.store.remove(digest)).toMatchObject({ deleted: [digest] });
    await addTinyImage(test.store);
    await test.store.tag("tiny", "team/app:1");
    for (const text of [digest, digest.slice(0, 20), digest.slice(7, 19)])
      await expect(test.store.remove(text)).rejects.toMatchObject({
        code: "conflict",
        message: `the image "${text}" has 2 names: tiny:latest, team/app:1`,
      });
    expect(await test.store.remove(digest.slice(7, 19), true)).toMatchObject({ deleted: [digest] });
  });

  it.each(["sha256:abcdef", "library/sha512:1"])("%s is no name: it reads like a digest", async (name) => {
    await addTinyImage(test.store);
    await expect(test.store.tag("tiny", name)).rejects.toMatchObject({ code: "invalid_reference" });
    await test.store.tag("tiny", `team/${name.split("/").at(-1)}`);
  });

  it("frees what nothing names, and nothing that is named, held or in use", async () => {
    const kept = await makeImage("kept:1", rawEntry({ name: "a", body: "a" }));
    const gone = await makeImage("gone:1", rawEntry({ name: "b", body: "b" }));
    await test.store.unpack(kept, quiet, signal);
    await test.store.unpack(gone, quiet, signal);
    expect(await test.store.remove("gone:1")).toEqual({ untagged: ["docker.io/library/gone:1"], deleted: [gone.digest] });

    expect(
      await test.store.prune(new Set([...gone.chainIds, gone.digest, gone.configDigest, ...gone.layers.map(({ digest }) => digest)])),
    ).toEqual({ freedBytes: 0 });
    const release = await test.store.hold(gone.chainIds);
    await test.store.prune(new Set());
    expect(existsSync(join(test.dataDir, "layers", gone.chainIds[0]?.slice(7) ?? ""))).toBe(true);
    await release();
    await test.store.prune(new Set());

    expect(await blobCount()).toBe(3);
    expect(await readdir(join(test.dataDir, "layers"))).toEqual([kept.chainIds[0]?.slice(7)]);
    expect(await test.store.has(kept.layers.map(({ digest }) => digest))).toBe(true);
  });

  it("does not prune a layer that another process took in and has not committed", async () => {
    const layer = await test.store.addLayer(tarStream(rawEntry({ name: "a" })), signal);
    await (await test.openAgain()).prune(new Set());
    expect(await test.store.has([layer.descriptor.digest])).toBe(true);
  });

  it("sweeps what a killed process left, and not what a living one has", async () => {
    await mkdir(join(test.dataDir, "ingest/dead/pins"), { recursive: true });
    await writeFile(join(test.dataDir, "ingest/dead/lock"), "");
    await writeFile(join(test.dataDir, "ingest/dead/0"), "half a blob");
    const living = (await readdir(join(test.dataDir, "ingest"))).filter((name) => name !== "dead");
    await test.openAgain();
    expect(await readdir(join(test.dataDir, "ingest"))).toEqual(expect.arrayContaining(living));
    expect(await readdir(join(test.dataDir, "ingest"))).not.toContain("dead");
  });

  it("keeps an image by name when another takes its name away", async () => {
    const old = await makeImage("app:1", rawEntry({ name: "a", body: "1" }));
    await makeImage("app:1", rawEntry({ name: "a", body: "2" }));
    expect((await test.store.get(old.digest)).references).toEqual([]);
    expect(await test.store.list()).toHaveLength(2);
    await test.store.prune(new Set());
    expect(await test.store.list()).toHaveLength(1);
  });

  it("leaves nothing behind when a layer is refused or the work is aborted", async () => {
    const before = await blobCount();
    await expect(test.store.addLayer(tarStream(rawEntry({ name: "../x" })), signal)).rejects.toMatchObject({ code: "layer_invalid" });
    const controller = new AbortController();
    const endless = async function* () {
      for (;;) {
        yield rawEntry({ name: "a", body: "x".repeat(100_000) });
        controller.abort(new Error("enough"));
      }
    };
    await expect(test.store.addLayer(Readable.from(endless()), controller.signal)).rejects.toThrow("enough");
    expect(await blobCount()).toBe(before);
    const [session] = await readdir(join(test.dataDir, "ingest"));
    expect((await readdir(join(test.dataDir, "ingest", session ?? ""))).sort()).toEqual(["lock", "pins"]);
  });

  it("refuses a commit whose layers are not there", async () => {
    const missing = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: `sha256:${"0".repeat(64)}`, size: 1 };
    const config = { architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers" as const, diff_ids: [missing.digest] } };
    await expect(test.store.commit({ config, layers: [missing], reference: "x" })).rejects.toMatchObject({ code: "image_invalid" });
    expect(await test.store.list()).toEqual([]);
  });
});

describe("archives", () => {
  it("carry images to another store with the same digests and names", async () => {
    const [tiny, other] = [
      await addTinyImage(test.store),
      await makeImage("registry.example:5000/a/b:2", rawEntry({ name: "f", body: "f" })),
    ];
    const archive = await test.store.save(["tiny", "registry.example:5000/a/b:2"], signal);
    const target = await openTestStore();
    try {
      const loaded = await target.store.load(archive, quiet, signal);
      expect(loaded).toEqual([tiny, other].map((image) => ({ ...image, names: image.references })));
      await target.store.tag("tiny", "older:1");
      const again = await target.store.load(await test.store.save(["tiny"], signal), quiet, signal);
      expect(again).toMatchObject([{ names: tiny.references, references: ["docker.io/library/older:1", ...tiny.references] }]);
      await target.store.remove("older:1");
      expect(await target.store.get("tiny")).toEqual(tiny);
    } finally {
      await target.remove();
    }
  });

  it("are the same bytes for the same images", async () => {
    await addTinyImage(test.store);
    const bytes = async () => Buffer.concat((await (await test.store.save(["tiny"], signal)).toArray()) as Buffer[]);
    expect((await bytes()).equals(await bytes())).toBe(true);
  });

  it("of Docker are loaded, gzipped or not, with links between their layers", async () => {
    const layer = Buffer.concat([rawEntry({ name: "hello", body: "hi" }), Buffer.alloc(1024)]);
    const { diffId } = await test.store.addLayer(tarStream(rawEntry({ name: "hello", body: "hi" })), signal);
    const config = JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: { Cmd: ["/hello"], Env: null },
      rootfs: { type: "layers", diff_ids: [diffId, diffId] },
    });
    const manifest = JSON.stringify([{ Config: "abc.json", RepoTags: ["from-docker:1"], Layers: ["l1/layer.tar", "l2/layer.tar"] }]);
    const parts = [
      rawEntry({ name: "abc.json", body: config }),
      rawEntry({ name: "l1/layer.tar", body: layer }),
      rawEntry({ name: "l2/layer.tar", type: "2", linkName: "../l1/layer.tar" }),
      rawEntry({ name: "manifest.json", body: manifest }),
    ];
    const plain = Buffer.concat([...parts, Buffer.alloc(1024)]);
    const [image] = await test.store.load(Readable.from([plain]), quiet, signal);
    expect(image).toMatchObject({ references: ["docker.io/library/from-docker:1"], config: { config: { Cmd: ["/hello"] } } });
    expect(await test.store.load(Readable.from([gzipSync(plain)]), quiet, signal)).toEqual([image]);
  });

  it("with a blob that is not what its name says are refused, and leave no image", async () => {
    const lie = rawEntry({ name: `blobs/sha256/${"1".repeat(64)}`, body: "other" });
    await expect(test.store.load(tarStream(lie), quiet, signal)).rejects.toMatchObject({ code: "digest_mismatch" });
    await expect(test.store.load(tarStream(rawEntry({ name: "x", body: "y" })), quiet, signal)).rejects.toMatchObject({
      code: "image_invalid",
    });
    await expect(test.store.load(Readable.from([Buffer.from("not an archive".repeat(100))]), quiet, signal)).rejects.toMatchObject({
      code: "layer_invalid",
    });
    expect(await test.store.list()).toEqual([]);
  });

  it("are unpacked at once when that is asked, and one that does not unpack gets no name then", async () => {
    const layer = Buffer.concat([rawEntry({ name: "hello", body: "hi" }), Buffer.alloc(1024)]);
    const layoutOf = (diffId: string): Buffer[] => {
      const platform = { architecture: process.arch === "x64" ? "amd64" : process.arch, os: "linux" };
      const config = Buffer.from(JSON.stringify({ ...platform, config: {}, rootfs: { type: "layers", diff_ids: [diffId] } }));
      const described = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
      const parts = { config: described(MEDIA_TYPES.config, config), layers: [described(MEDIA_TYPES.layer, layer)] };
      const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, ...parts }));
      const named = { ...described(MEDIA_TYPES.manifest, manifest), annotations: { "io.containerd.image.name": "app:1" } };
      const blobs = [layer, config, manifest].map((body) => rawEntry({ name: `blobs/sha256/${digestOf(body).slice(7)}`, body }));
      return [...blobs, rawEntry({ name: "index.json", body: JSON.stringify({ schemaVersion: 2, manifests: [named] }) })];
    };
    const load = (diffId: string, unpack: boolean) => test.store.load(tarStream(...layoutOf(diffId)), quiet, signal, { unpack });
    const [image] = await load(digestOf(layer), true);
    const folder = join(test.dataDir, "layers", image?.chainIds[0]?.slice(7) ?? "", "fs");
    expect([image?.references, await readdir(folder)]).toEqual([["docker.io/library/app:1"], ["hello"]]);
    await test.store.remove("app:1");
    await test.store.prune(new Set());
    expect(await readdir(join(test.dataDir, "layers"))).toEqual([]);

    const lie = digestOf(Buffer.from("something else"));
    await expect(load(lie, true)).rejects.toMatchObject({ code: "digest_mismatch" });
    expect([await test.store.list(), await readdir(join(test.dataDir, "layers"))]).toEqual([[], []]);
    const [lazy] = await load(lie, false);
    await expect(test.store.unpack(lazy as Image, quiet, signal)).rejects.toMatchObject({ code: "digest_mismatch" });
  });

  it("cannot name files outside the store", async () => {
    const parts = [
      rawEntry({ name: "../../escape.json", body: "{}" }),
      paxEntry({ path: "/etc/berth-escape" }),
      rawEntry({ name: "x", body: "y" }),
    ];
    await expect(test.store.load(tarStream(...parts), quiet, signal)).rejects.toMatchObject({ code: "layer_invalid" });
    expect(existsSync("/etc/berth-escape")).toBe(false);
  });
});
