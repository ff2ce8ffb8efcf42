import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Image } from "../../../src/node/images/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { createRegistryAccess, digestOf } from "../../../src/shared/oci/index.ts";
import { fingerprint, hostileEntries } from "../../support/hostile-entries.ts";
import { type HostileRegistry, startHostileRegistry } from "../../support/hostile-registry.ts";
import { END_OF_TAR, rawEntry } from "../../support/tar-bytes.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";
import { unpackTar } from "../../support/unpack-tar.ts";

/** Whole images of the attack list, pulled as anybody's: what one layer may not do, two may not do together. */
let test: TestStore;
let registry: HostileRegistry;
let outside: string;
let before: string;
let tag = 0;

beforeAll(async () => {
  registry = await startHostileRegistry();
  test = await openTestStore();
  outside = await mkdtemp(join(tmpdir(), "berth-canary-"));
  await writeFile(join(outside, "canary"), "untouched", { mode: 0o600 });
  before = await fingerprint(outside);
});
afterAll(async () => {
  await test.remove();
  await registry.stop();
  await rm(outside, { recursive: true });
});

const layer = (entries: readonly Buffer[]) => Buffer.concat([...entries, END_OF_TAR]);

async function pull(...layers: Buffer[][]): Promise<Image> {
  const name = `t${tag++}`;
  registry.addImage(name, layers.map(layer));
  return pullTag(name);
}

async function pullTag(name: string): Promise<Image> {
  const access = createRegistryAccess({ env: { HOME: outside }, clock: systemClock() });
  try {
    const reference = `${registry.host}/app:${name}`;
    const client = await access.clientFor(reference, null);
    return await test.store.pull({ reference, platform: null, client }, () => undefined, neverAborted());
  } finally {
    await access.close();
  }
}

/** Mounts it and writes where the attack points, as a program in it may: all of that stays inside. */
async function expectContained(image: Image): Promise<void> {
  const dir = test.containerDir(`c${tag++}`);
  const { rootfs } = await test.snapshots.mount(dir, image.chainIds);
  const root = await test.native.openRoot(rootfs);
  try {
    for (const path of ["canary", join(outside, "canary").slice(1)]) await root.createFile(path, 0o644).catch(() => undefined);
  } finally {
    root.close();
    await test.snapshots.unmount(dir);
  }
}

/** Every way to cut the entries into two layers, and all of them above an opaque folder. */
function arrangements(entries: readonly Buffer[]): Buffer[][][] {
  const cuts = entries.slice(1).map((_, index) => [entries.slice(0, index + 1), entries.slice(index + 1)]);
  const parent = [rawEntry({ name: "d/", type: "5", mode: "0000755" }), rawEntry({ name: "d/below", body: "b" })];
  return [...cuts, [parent, [rawEntry({ name: "d/.wh..wh..opq" }), ...entries]]];
}

describe("an image whose layers work together", () => {
  it.each(Object.keys(hostileEntries("")))("changes nothing outside: %s", async (name) => {
    for (const layers of arrangements(hostileEntries(outside)[name] as Buffer[])) {
      const image = await pull(...layers).catch((error: unknown) => {
        expect(error).toMatchObject({ code: "layer_invalid" });
        return null;
      });
      if (image !== null) await expectContained(image);
      expect(await fingerprint(outside)).toBe(before);
      expect((await stat(join(outside, "canary"))).nlink).toBe(1);
    }
  });

  it("cannot reach a lower layer's files by its links, only hide them", async () => {
    const image = await pull(
      [rawEntry({ name: "etc/", type: "5" }), rawEntry({ name: "etc/shadow", body: "secret", mode: "0000600" })],
      [
        rawEntry({ name: "etc", type: "2", linkName: "/proc/self/root/etc" }),
        rawEntry({ name: "passwd", type: "2", linkName: "etc/passwd" }),
      ],
    );
    await expectContained(image);
    const [shared] = image.chainIds;
    expect(await readdir(join(test.dataDir, "layers", shared?.slice(7) ?? "", "fs/etc"))).toEqual(["shadow"]);
  });
});

it("bytes after the end of a layer's tar are no files, and belong to its diff ID", async () => {
  const behind = Buffer.concat([layer([rawEntry({ name: "a", body: "a" })]), rawEntry({ name: "hidden", body: "h" })]);
  registry.addImage("trailing", [behind]);
  const image = await pullTag("trailing");
  expect(image.config.rootfs.diff_ids).toEqual([digestOf(behind)]);
  expect(await readdir(join(test.dataDir, "layers", image.chainIds[0]?.slice(7) ?? "", "fs"))).toEqual(["a"]);
});

describe("a bomb", () => {
  const leftovers = async () => {
    const sessions = await readdir(join(test.dataDir, "ingest"));
    const files = await Promise.all(sessions.map((name) => readdir(join(test.dataDir, "ingest", name))));
    return files.flat().filter((name) => name !== "lock" && name !== "pins");
  };

  it("of folders 5,000 deep is refused, and one as deep as paths go comes and goes", async () => {
    const deep = (levels: number) => [
      rawEntry({ name: "L", type: "L", body: `${"d/".repeat(levels)}\0` }),
      rawEntry({ name: "x", type: "5", mode: "0000755" }),
    ];
    await expect(pull(deep(5000))).rejects.toMatchObject({ code: "layer_invalid" });
    await pull(deep(2000));
    await test.store.remove(`${registry.host}/app:t${tag - 1}`);
    await test.store.prune(new Set());
    expect(await leftovers()).toEqual([]);
  });

  it("of bytes is refused before it fills the disk", async () => {
    await mkdir(join(test.dataDir, "unpack-here"));
    const size = 3 * 1024 ** 3;
    // A header that says so is enough: the bytes that follow are counted as they come.
    const header = rawEntry({ name: "zeros", size: size.toString(8).padStart(11, "0") });
    const zeros = Buffer.alloc(1 << 20);
    let sent = 0;
    const tar = async function* () {
      yield header;
      for (; sent < size; sent += zeros.byteLength) yield zeros;
    };
    const root = await test.native.openRoot(join(test.dataDir, "unpack-here"));

    const limits = { bytes: 8 << 20, entries: 100 };
    const unpacked = unpackTar(test, root, tar(), limits);
    await expect(unpacked).rejects.toMatchObject({ code: "layer_invalid", message: expect.stringContaining("unpacks to more than") });
    root.close();
    expect(sent).toBeLessThan(16 << 20);
  });

  it("of entries is refused at the limit", async () => {
    await mkdir(join(test.dataDir, "unpack-there"));
    const root = await test.native.openRoot(join(test.dataDir, "unpack-there"));

    const tar = async function* () {
      for (let index = 0; ; index++) yield rawEntry({ name: `hard${index}`, ...(index === 0 ? {} : { type: "1", linkName: "hard0" }) });
    };
    const limits = { bytes: 1 << 30, entries: 1000 };
    await expect(unpackTar(test, root, tar(), limits)).rejects.toMatchObject({
      code: "layer_invalid",
      message: "the layer has more than 1000 entries",
    });
    root.close();
  });
});
