import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type TarMember, writeTar } from "../../../src/node/images/index.ts";
import { openTestEngine, type TestEngine } from "../../support/test-engine.ts";

let test: TestEngine;
let canary: string;

beforeAll(async () => {
  canary = await mkdtemp(join(tmpdir(), "berth-canary-"));
  await mkdir(join(canary, "sub"));
  test = await openTestEngine();
});
afterAll(async () => {
  await test.close();
  await rm(canary, { recursive: true });
});

const COMMON = { linkPath: "", uid: 0, gid: 0, size: 0, mtimeNs: 0n, xattrs: {} };

function entry(type: "directory" | "symlink", path: string, linkPath: string): TarMember {
  return { entry: { ...COMMON, type, path, mode: 0o755, linkPath }, body: null };
}

it.each(["dev", "proc", "sys"])("refuses an image whose /%s is a link, before a runtime can write through it", async (name) => {
  const members = [entry("directory", "./", ""), entry("symlink", name, `../../../../../../../../../..${canary}`)];
  const layer = await test.images.addLayer(Readable.from(writeTar(members)), new AbortController().signal);
  const config = { architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers" as const, diff_ids: [layer.diffId] } };
  await test.images.commit({ config, layers: [layer.descriptor], reference: `linked-${name}:latest` });
  await expect(test.run("true", { image: `linked-${name}:latest` })).rejects.toThrow(`/${name} of the image is a symlink, not a folder`);
  expect(await readdir(canary)).toEqual(["sub"]);
});
