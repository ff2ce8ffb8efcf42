import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { layerLimits } from "../../../src/node/images/unpack/unpack-layer.ts";
import type { NativeRoot } from "../../../src/node/platform/index.ts";
import { addLayered } from "../../support/layered-image.ts";
import { rawEntry, tarStream } from "../../support/tar-bytes.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";
import { unpackTar } from "../../support/unpack-tar.ts";

// Small files are made some at a time, layers two at a time: what comes out must be as if one came after the other.

let test: TestStore;
let layer: string;
let root: NativeRoot;

beforeEach(async () => {
  test = await openTestStore();
  layer = join(test.dataDir, "unpack-here");
  await mkdir(layer);
  root = await test.native.openRoot(layer);
});
afterEach(async () => {
  root.close();
  await test.remove();
});

const unpack = (...parts: Buffer[]) => unpackTar(test, root, tarStream(...parts), layerLimits(1));
const range = <T>(count: number, make: (index: number) => T) => Array.from({ length: count }, (_, index) => make(index));

describe("a layer", () => {
  it("has the last of many files of one name, every time", async () => {
    await unpack(
      rawEntry({ name: "d/", type: "5" }),
      ...range(300, (index) => rawEntry({ name: index % 3 === 0 ? "d/f" : `d/${index}`, body: `${index}` })),
    );
    expect(await readFile(join(layer, "d/f"), "utf8")).toBe("297");
    expect(await readdir(join(layer, "d"))).toHaveLength(201);
  });

  it("has the last of two names of one file, also when a folder became a link to another in between", async () => {
    await unpack(
      rawEntry({ name: "x/", type: "5" }),
      rawEntry({ name: "y/", type: "5" }),
      rawEntry({ name: "x/f", body: "before" }),
      rawEntry({ name: "x", type: "2", linkName: "y" }),
      ...range(200, (index) => rawEntry({ name: index % 2 === 0 ? "x/f" : "y/f", body: `${index}` })),
    );
    expect(await readFile(join(layer, "y/f"), "utf8")).toBe("199");
  });

  it("has the last of two names of one file below a folder that was made through a link", async () => {
    await unpack(
      rawEntry({ name: "y/", type: "5" }),
      rawEntry({ name: "x", type: "2", linkName: "y" }),
      rawEntry({ name: "x/sub/", type: "5" }),
      rawEntry({ name: "y/sub/", type: "5" }),
      ...range(200, (index) => rawEntry({ name: index % 2 === 0 ? "x/sub/f" : "y/sub/f", body: `${index}` })),
    );
    expect(await readFile(join(layer, "y/sub/f"), "utf8")).toBe("199");
  });

  it("that fails in the middle names the entry, and nothing is written behind its back", async () => {
    const files = range(200, (index) => rawEntry({ name: `f${index}`, body: `${index}` }));
    const failed = unpack(...files, rawEntry({ name: "f7/below", body: "x" }));
    await expect(failed).rejects.toMatchObject({ code: "layer_invalid", message: expect.stringContaining("f7/below") });
    await rm(layer, { recursive: true });
    await expect(readdir(layer)).rejects.toThrow("ENOENT");
  });
});

describe("two layers", () => {
  it("unpacked at once give a folder that the upper one only implies the owner it has in the lower one", async () => {
    const image = await addLayered(test.store, "app", [
      [
        ...range(400, (index) => rawEntry({ name: `f${index}`, body: "x".repeat(4096) })),
        rawEntry({ name: "data/", type: "5", mode: "0000750", uid: "0001750" }),
      ],
      [rawEntry({ name: "data/file", body: "x" })],
    ]);
    await test.store.unpack(image, () => undefined, neverAborted());
    const upper = await test.native.openRoot(join(test.dataDir, "layers", image.chainIds[1]?.slice(7) ?? "", "fs"));
    expect(await upper.stat("data")).toMatchObject({ mode: 0o750, uid: 0o1750 });
    upper.close();
  });

  it("go on for a second caller when the first one, whose unpacking it shares, gives up", async () => {
    const image = await addLayered(test.store, "app", [
      [
        ...range(400, (index) => rawEntry({ name: `f${index}`, body: "x".repeat(4096) })),
        rawEntry({ name: "data/", type: "5", mode: "0000750" }),
      ],
      [rawEntry({ name: "data/file", body: "x" })],
    ]);
    const abort = new AbortController();
    const atUpper = ({ current }: { current?: number | null }) => {
      if (current === 2) setImmediate(() => abort.abort(new Error("the first caller gave up")));
    };
    const first = test.store.unpack(image, atUpper, abort.signal);
    const second = test.store.unpack(image, () => undefined, neverAborted());
    await expect(first).rejects.toThrow("gave up");
    await second;
    expect(await readdir(join(test.dataDir, "layers"))).toHaveLength(2);
  });
});
