import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MEDIA_TYPES, type RegistryAccess } from "../../../src/shared/oci/index.ts";
import { type HostileRegistry, imageManifest, startHostileRegistry } from "../../support/hostile-registry.ts";
import { END_OF_TAR, rawEntry } from "../../support/tar-bytes.ts";
import { openTestEngine, type TestEngine } from "../../support/test-engine.ts";
import { writeTinyRootfsTar } from "../../support/tiny-image.ts";
import { testAccess } from "../../support/trust-policy.ts";

// Their paths as mount options would fill three pages: mount(2) takes one.
const LAYERS = 130;
let test: TestEngine;
let registry: HostileRegistry;
let access: RegistryAccess;
let rootfs: Buffer;

beforeAll(async () => {
  test = await openTestEngine();
  registry = await startHostileRegistry();
  access = testAccess(test.dataDir);
  rootfs = await readFile(await writeTinyRootfsTar(join(test.dataDir, "rootfs.tar")));
});
afterAll(async () => {
  await access?.close();
  await registry?.stop();
  await test?.close();
});

async function pull(tag: string): Promise<string> {
  const reference = `${registry.host}/app:${tag}`;
  const client = await access.clientFor(reference, null);
  await test.images.pull({ reference, platform: null, client }, () => undefined, new AbortController().signal);
  return reference;
}

/** Layer n has a file n of its own, and writes n over one that all have. */
const numbered = (n: number) =>
  Buffer.concat([rawEntry({ name: `n/${n}`, body: `${n}` }), rawEntry({ name: "last", body: `${n}` }), END_OF_TAR]);

it(`pulls, unpacks, mounts and runs an image of ${LAYERS} layers`, async () => {
  const layers = [rootfs, ...Array.from({ length: LAYERS - 1 }, (_, index) => numbered(index + 1))];
  registry.addManifest(imageManifest(registry, layers), MEDIA_TYPES.manifest, "many");
  const image = await pull("many");
  expect((await test.images.get(image)).chainIds).toHaveLength(LAYERS);
  const { exit, log } = await test.runToEnd(`cat n/1; echo; cat n/${LAYERS - 1} last; echo; ls n | wc -l`, { image });
  expect([exit.exitCode, log.split("\n").map((line) => line.trim())]).toEqual([
    0,
    ["1", `${LAYERS - 1}${LAYERS - 1}`, `${LAYERS - 1}`, ""],
  ]);
});

it("refuses an image of more layers than overlayfs stacks before it fetches any of them", async () => {
  const layer = numbered(1);
  registry.addManifest(imageManifest(registry, Array<Buffer>(500).fill(layer)), MEDIA_TYPES.manifest, "deep");
  const before = registry.seen("GET", "/blobs/").length;
  await expect(pull("deep")).rejects.toThrow(/it has 500 layers, and overlayfs stacks at most 499/);
  expect(registry.seen("GET", "/blobs/")).toHaveLength(before);
});
