import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { throughProgram } from "../../../src/node/images/content/decompress-program.ts";
import { addLayered } from "../../support/layered-image.ts";
import { bytesStream, END_OF_TAR, rawEntry } from "../../support/tar-bytes.ts";
import { imageToolsOf, neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";

let test: TestStore;
beforeEach(async () => {
  test = await openTestStore();
});
afterEach(() => test.remove());

const quiet = () => undefined;
const compress = (program: string, bytes: Buffer) => spawnSync(program, ["-c"], { input: bytes, maxBuffer: 1 << 26 }).stdout;

describe.each(["gzip", "xz", "bzip2", "zstd"])("what is compressed with %s", (program) => {
  it("is loaded, imported and told from damaged data", async () => {
    const image = await addLayered(test.store, "app:1", [[rawEntry({ name: "f", body: "f".repeat(100_000) })]]);
    const archive = Buffer.concat((await (await test.store.save(["app:1"], neverAborted())).toArray()) as Buffer[]);
    expect(await test.store.load(bytesStream(compress(program, archive)), quiet, neverAborted())).toMatchObject([image]);

    const tar = Buffer.concat([rawEntry({ name: "f", body: "f".repeat(100_000) }), END_OF_TAR]);
    const options = { reference: null, change: async (config: object) => config, message: null };
    const imported = await imageToolsOf(test).import(bytesStream(compress(program, tar)), options, neverAborted());
    expect(imported.config.rootfs).toEqual(
      await test.store.addLayer(bytesStream(tar), neverAborted()).then(({ diffId }) => rootfs(diffId)),
    );

    const damaged = compress(program, archive).fill(0x55, 30, 60);
    await expect(test.store.load(bytesStream(damaged), quiet, neverAborted())).rejects.toMatchObject({ code: "layer_invalid" });
  });
});

const rootfs = (diffId: string) => ({ type: "layers", diff_ids: [diffId] });

it("a program that is not installed is named, with its package", async () => {
  const empty = await mkdtemp(join(tmpdir(), "berth-empty-"));
  const read = async () => {
    for await (const chunk of throughProgram("xz", bytesStream(Buffer.alloc(9)), empty)) void chunk;
  };
  await expect(read()).rejects.toMatchObject({
    code: "missing_requirement",
    message: expect.stringContaining("no program xz"),
    details: { hint: "install the package xz-utils" },
  });
  await rm(empty, { recursive: true });
});

it("a tar whose first file is called as bzip2 begins is no bzip2", async () => {
  const tar = Buffer.concat([rawEntry({ name: "BZh91", body: "x" }), END_OF_TAR]);
  const options = { reference: null, change: async (config: object) => config, message: null };
  await imageToolsOf(test).import(bytesStream(tar), options, neverAborted());
});
