import { execFile } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createImageStore, type Image, type ImageStore, type TarEntry, type TarMember, writeTar } from "../../src/node/images/index.ts";
import { loadNative } from "../../src/node/platform/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";

/** From the package busybox-static (scripts/packages.sh): one file that needs no library. */
const BUSYBOX = "/bin/busybox";
export const TINY_IMAGE = "tiny:latest";

const FOLDERS = ["bin", "dev", "etc", "proc", "root", "sys", "usr", "usr/bin", "var"];
const PASSWD = "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000:worker:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n";
const GROUP = "root:x:0:\nworker:x:1000:\nnogroup:x:65534:\n";

/** Takes an image of busybox, /tmp and the users root, worker (1000) and nobody into a store; some 50 ms. */
export async function addTinyImage(store: ImageStore, reference: string = TINY_IMAGE): Promise<Image> {
  const layer = await store.addLayer(Readable.from(writeTar(await tinyMembers())), new AbortController().signal);
  return store.commit({
    config: {
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      config: { Env: ["PATH=/usr/bin:/bin"], Cmd: ["/bin/sh"] },
      rootfs: { type: "layers", diff_ids: [layer.diffId] },
    },
    layers: [layer.descriptor],
    reference,
  });
}

/** The same image as an oci-archive at `path`, for `berth images load`. Returns the path. */
export async function writeTinyImageArchive(path: string, reference: string = TINY_IMAGE): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), "berth-tiny-store-"));
  const store = await createImageStore({ dataDir, native: loadNative(), clock: systemClock() });
  try {
    await addTinyImage(store, reference);
    await pipeline(await store.save([reference], new AbortController().signal), createWriteStream(path));
    return path;
  } finally {
    await store.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** The image's files as a plain tar at `path`, for engines that import one. Returns the path. */
export async function writeTinyRootfsTar(path: string): Promise<string> {
  await pipeline(Readable.from(writeTar(await tinyMembers())), createWriteStream(path));
  return path;
}

async function tinyMembers(): Promise<TarMember[]> {
  const { stdout } = await promisify(execFile)(BUSYBOX, ["--list"]);
  const applets = stdout.split("\n").filter((name) => name !== "" && name !== "busybox");
  return [
    folder("", 0o755),
    ...FOLDERS.map((path) => folder(path, 0o755)),
    folder("tmp", 0o1777),
    file("bin/busybox", 0o755, await readFile(BUSYBOX)),
    ...applets.sort().map((name) => symlink(`bin/${name}`, "busybox")),
    file("etc/passwd", 0o644, Buffer.from(PASSWD)),
    file("etc/group", 0o644, Buffer.from(GROUP)),
  ];
}

const COMMON = { linkPath: "", uid: 0, gid: 0, size: 0, mtimeNs: 0n, xattrs: {} } satisfies Partial<TarEntry>;

function folder(path: string, mode: number): TarMember {
  return { entry: { ...COMMON, type: "directory", path: path === "" ? "./" : path, mode }, body: null };
}

function file(path: string, mode: number, content: Buffer): TarMember {
  return { entry: { ...COMMON, type: "file", path, mode, size: content.byteLength }, body: [content] };
}

function symlink(path: string, target: string): TarMember {
  return { entry: { ...COMMON, type: "symlink", path, mode: 0o777, linkPath: target }, body: null };
}
