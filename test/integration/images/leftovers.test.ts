import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openPartial } from "../../../src/node/images/content/partial-blobs.ts";
import { storePaths } from "../../../src/node/images/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import type { RegistryClient } from "../../../src/shared/oci/index.ts";
import { openTestRegistry } from "../../support/registry-server.ts";
import { rawEntry } from "../../support/tar-bytes.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";
import { addTinyImage } from "../../support/tiny-image.ts";

let test: TestStore;
beforeEach(async () => {
  test = await openTestStore();
});
afterEach(() => test.remove());

it("half written files of killed processes go, and never stop a prune", async () => {
  await addTinyImage(test.store);
  const hex = "a".repeat(64);
  const left = [
    ".images.json.0123456789ab.tmp",
    `blobs/sha256/.${hex}.0123456789ab.tmp`,
    `partials/${hex}.json`,
    `partials/${hex}.json.tmp`,
  ];
  for (const path of left) await writeFile(join(test.dataDir, path), "half");
  const store = await test.openAgain();
  await store.prune(new Set());
  expect((await readdir(test.dataDir)).filter((name) => name.startsWith("."))).toEqual([]);
  expect(await readdir(join(test.dataDir, "blobs/sha256"))).toHaveLength(3);
  expect(await readdir(join(test.dataDir, "partials"))).toEqual([]);
});

it("a store that cannot be opened leaves no session that looks alive", async () => {
  const reserve = storePaths(test.dataDir).imagesReserve;
  await rm(reserve);
  await mkdir(reserve);
  const before = await readdir(join(test.dataDir, "ingest"));
  await expect(test.openAgain()).rejects.toThrow("EISDIR");
  expect(await readdir(join(test.dataDir, "ingest"))).toEqual(before);
});

it("a disk that fails before the tar has come is told, and nothing else", async () => {
  for (const name of await readdir(join(test.dataDir, "ingest"))) await rm(join(test.dataDir, "ingest", name), { recursive: true });
  const slow = async function* () {
    yield rawEntry({ name: "a", body: "x".repeat(100) });
    // The blob's file has failed long before the next bytes.
    for (let turn = 0; turn < 50; turn++) await setImmediate();
    yield Buffer.alloc(1024);
  };
  await expect(test.store.addLayer(Readable.from(slow()), neverAborted())).rejects.toMatchObject({ code: "ENOENT" });
});

it("a blob that cannot be opened fails its push and nothing else, however late its bytes are asked for", async () => {
  const reference = "registry.example/app:1";
  const image = await addTinyImage(test.store, reference);
  await rm(storePaths(test.dataDir).blob(image.layers[0]?.digest ?? ""));
  const uploadBlob: RegistryClient["uploadBlob"] = async (_repository, { open, size }) => {
    const body = open({ from: 0, to: size });
    // A file that was opened at once would have failed by now.
    for (let turn = 0; turn < 50; turn++) await stat(test.dataDir);
    for await (const chunk of body) void chunk;
    return "uploaded";
  };
  const pushed = test.store.push({ reference, client: { uploadBlob } as RegistryClient }, () => undefined, neverAborted());
  await expect(pushed).rejects.toMatchObject({ code: "ENOENT" });
});

it("a store that cannot be opened leaves no session in its process", async () => {
  const sessions = await readdir(join(test.dataDir, "ingest"));
  await rm(storePaths(test.dataDir).imagesReserve);
  await mkdir(storePaths(test.dataDir).imagesReserve);
  await expect(test.openAgain()).rejects.toThrow();
  expect(await readdir(join(test.dataDir, "ingest"))).toEqual(sessions);
});

it("a repository whose folders a crash cut short takes pushes again", async () => {
  const registry = await openTestRegistry();
  try {
    await mkdir(join(registry.dataDir, "registry/repositories/team+app"), { recursive: true });
    await registry.restart();
    const url = `${registry.url}/v2/team/app/blobs/uploads/?digest=sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae`;
    expect((await fetch(url, { method: "POST", body: "foo" })).status).toBe(201);
  } finally {
    await registry.remove();
  }
});

it("a fetch that fails between lock and look lets go of the lock", async () => {
  const ports = { paths: storePaths(test.dataDir), native: test.native, clock: systemClock() };
  const broken = {
    tryLock: (fd: number): boolean => {
      test.native.tryLock(fd);
      throw new Error("EMFILE");
    },
  };
  const digest = `sha256:${"b".repeat(64)}`;
  await expect(openPartial({ ...ports, native: broken }, digest, neverAborted())).rejects.toThrow("EMFILE");
  const partial = await openPartial(ports, digest, AbortSignal.timeout(60_000));
  await partial.close();
});
