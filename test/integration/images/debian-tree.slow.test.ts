import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ensureBaseImage } from "../../support/base-image.ts";
import { describeFiles } from "../../support/describe-files.ts";
import { skopeo } from "../../support/docker-registry.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";

let test: TestStore;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-debian-"));
  test = await openTestStore();
});
afterEach(async () => {
  await test.remove();
  await rm(folder, { recursive: true, force: true });
});

it("a Debian image unpacked here and by umoci is the same files: owners, modes, times, links, attributes, bytes", async () => {
  const archive = await ensureBaseImage();
  const [image] = await test.store.load(createReadStream(archive), () => undefined, neverAborted());
  if (image === undefined) throw new Error("the archive holds no image");
  await test.store.unpack(image, () => undefined, neverAborted());
  const { rootfs } = await test.snapshots.mount(test.containerDir("debian"), image.chainIds);
  const layout = join(folder, "layout");
  await skopeo("copy", "-q", `oci-archive:${archive}`, `oci:${layout}:debian`);
  await promisify(execFile)("umoci", ["unpack", "--image", `${layout}:debian`, join(folder, "bundle")]);
  // Devices are left out here, on purpose: they come from the runtime.
  const withoutDevices = (text: string) =>
    text
      .split("\n")
      .filter((line) => !/^\S+ [bc] /.test(line))
      .join("\n");
  const [ours, theirs] = [await describeFiles(rootfs), withoutDevices(await describeFiles(join(folder, "bundle/rootfs")))];
  expect(ours.split("\n").length).toBeGreaterThan(5_000);
  expect(ours === theirs ? [] : differences(ours, theirs)).toEqual([]);
});

/** The first lines that only one has: the whole texts are megabytes. */
function differences(ours: string, theirs: string): string[] {
  const [here, there] = [new Set(ours.split("\n")), new Set(theirs.split("\n"))];
  const only = (mine: Set<string>, other: Set<string>, whose: string) =>
    [...mine].filter((line) => !other.has(line)).map((line) => `${whose}: ${line}`);
  return [...only(here, there, "ours"), ...only(there, here, "theirs")].slice(0, 40);
}
