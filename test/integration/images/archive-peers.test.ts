import { execFile } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ArchiveFormat, Image } from "../../../src/node/images/index.ts";
import { describeFiles } from "../../support/describe-files.ts";
import { skopeo } from "../../support/docker-registry.ts";
import { addLayered, layersOf } from "../../support/layered-image.ts";
import { openTestPodman, type TestPodman } from "../../support/podman.ts";
import { paxEntry, rawEntry } from "../../support/tar-bytes.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";

const run = promisify(execFile);
const signal = neverAborted();
const quiet = () => undefined;

let test: TestStore;
let podman: TestPodman;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-archive-"));
  test = await openTestStore();
  podman = await openTestPodman();
});
afterEach(async () => {
  await podman.remove();
  await test.remove();
  await rm(folder, { recursive: true, force: true });
});

/** Everything that tar can say about files and a file system can hold. */
const base = () => [
  rawEntry({ name: "./", type: "5", mode: "0000755" }),
  rawEntry({ name: "etc/", type: "5", mode: "0000750", uid: "0001750", gid: "0000012" }),
  rawEntry({ name: "etc/passwd", body: "root:x:0:0::/:/bin/sh\n", mtime: "07000000000" }),
  rawEntry({ name: "etc/gone", body: "gone" }),
  paxEntry({ mtime: "1600000000.123456789", uid: "4000000000", "SCHILY.xattr.user.note": "ünïcode" }),
  rawEntry({ name: "etc/pax", body: "pax" }),
  rawEntry({ name: "deep/", type: "5", mode: "0000755", mtime: "06000000000" }),
  paxEntry({ path: `deep/${"long-name-".repeat(15)}` }),
  rawEntry({ name: "x", body: "long" }),
  rawEntry({ name: "etc/link", type: "2", linkName: "passwd" }),
  rawEntry({ name: "etc/hard", type: "1", linkName: "etc/passwd", mtime: "07000000000" }),
  rawEntry({ name: "bin/", type: "5", mode: "0000755" }),
  rawEntry({ name: "bin/tool", body: "#!/bin/sh\n", mode: "0004711" }),
  rawEntry({ name: "data/", type: "5", mode: "0000755" }),
  rawEntry({ name: "data/old", body: "old" }),
  rawEntry({ name: "tmp/", type: "5", mode: "0001777" }),
];
const change = () => [
  rawEntry({ name: "etc/", type: "5", mode: "0000750", uid: "0001750", gid: "0000012" }),
  rawEntry({ name: "etc/.wh.gone" }),
  rawEntry({ name: "data/", type: "5", mode: "0000700" }),
  rawEntry({ name: "data/.wh..wh..opq" }),
  rawEntry({ name: "data/new", body: "new" }),
];
const CONFIG = { Env: ["A=b"], Cmd: ["/bin/tool"], Labels: { "org.example.note": "x" }, WorkingDir: "/data" };

async function twoImages(): Promise<[Image, Image]> {
  const below = await addLayered(test.store, "registry.example/base:1", [base()], CONFIG);
  return [below, await addLayered(test.store, "registry.example/app:2", [...layersOf(below), change()], CONFIG)];
}

async function saved(references: string[], format: ArchiveFormat): Promise<string> {
  const path = join(folder, `${format}.tar`);
  await pipeline(await test.store.save(references, signal, format), createWriteStream(path));
  return path;
}

async function unpackedHere(image: Image): Promise<string> {
  await test.store.unpack(image, quiet, signal);
  const { rootfs } = await test.snapshots.mount(test.containerDir(image.digest.slice(7, 19)), image.chainIds);
  return describeFiles(rootfs);
}

const load = (path: string) => test.store.load(createReadStream(path), quiet, signal);

describe.each(["oci-archive", "docker-archive"] as const)("an %s of Berth", (format) => {
  it("has each layer once, and the same bytes every time", async () => {
    await twoImages();
    const names = ["registry.example/base:1", "registry.example/app:2"];
    const first = await readFile(await saved(names, format));
    expect((await readFile(await saved(names, format))).equals(first)).toBe(true);
    const { stdout } = await run("tar", ["-tf", join(folder, `${format}.tar`)]);
    expect(stdout.split("\n").filter((line) => /layer.tar|blobs/.test(line))).toHaveLength(format === "oci-archive" ? 6 : 2);
  });

  it("is loaded by podman with all its images, their names and their files", async () => {
    const [, app] = await twoImages();
    const path = await saved(["registry.example/base:1", "registry.example/app:2"], format);
    await podman("load", "-q", "-i", path);
    expect((await podman("images", "--format", "{{.Repository}}:{{.Tag}}")).trim().split("\n").sort()).toEqual([
      "registry.example/app:2",
      "registry.example/base:1",
    ]);
    const inspected = JSON.parse(await podman("image", "inspect", "registry.example/app:2")) as {
      Config: object;
      RootFS: { Layers: string[] };
    }[];
    expect(inspected[0]).toMatchObject({ Config: { Env: ["A=b"], Cmd: ["/bin/tool"], WorkingDir: "/data" } });
    expect(inspected[0]?.RootFS.Layers).toEqual(app.config.rootfs.diff_ids);
    const root = (await podman("image", "mount", "registry.example/app:2")).trim();
    expect(await describeFiles(root)).toBe(await unpackedHere(app));
  });

  it("is copied by skopeo to a layout whose tree, unpacked by umoci, is ours", async () => {
    const [, app] = await twoImages();
    const path = await saved(["registry.example/app:2"], format);
    const layout = join(folder, "layout");
    await skopeo("copy", "-q", `${format}:${path}`, `oci:${layout}:app`);
    await run("umoci", ["unpack", "--image", `${layout}:app`, join(folder, "bundle")]);
    expect(await describeFiles(join(folder, "bundle", "rootfs"))).toBe(await unpackedHere(app));
  });

  it("made by skopeo is loaded here, compressed or not, to the same files", async () => {
    const [, app] = await twoImages();
    const path = await saved(["registry.example/app:2"], "oci-archive");
    const theirs = join(folder, "theirs.tar");
    await skopeo("copy", "-q", `oci-archive:${path}`, `${format}:${theirs}:registry.example/theirs:3`);
    const [image] = await load(theirs);
    expect(image).toMatchObject({ references: expect.arrayContaining(["registry.example/theirs:3"]), config: { config: CONFIG } });
    expect(image?.chainIds).toEqual(app.chainIds);
    const [again] = await test.store.load(Readable.from([gzipSync(await readFile(theirs))]), quiet, signal);
    expect(again?.digest).toBe(image?.digest);
  });

  it("made by podman is loaded here with its names and its files", async () => {
    await writeFile(join(folder, "tool"), "#!/bin/sh\n", { mode: 0o755 });
    await mkdir(join(folder, "root/etc"), { recursive: true });
    await writeFile(join(folder, "root/etc/file"), "content");
    await run("tar", ["-C", join(folder, "root"), "-cf", join(folder, "root.tar"), "."]);
    await podman("import", "-q", "--change", "CMD=/tool", join(folder, "root.tar"), "registry.example/podman:1");
    const theirs = join(folder, "podman.tar");
    await podman("save", "-q", "--format", format, "-o", theirs, "registry.example/podman:1");
    const [image] = await load(theirs);
    expect(image?.references).toEqual(["registry.example/podman:1"]);
    expect(image?.config.config.Cmd?.join(" ")).toContain("/tool");
    const root = (await podman("image", "mount", "registry.example/podman:1")).trim();
    expect(await describeFiles(root)).toBe(await unpackedHere(image as Image));
  });
});
