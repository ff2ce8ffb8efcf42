import { execFile } from "node:child_process";
import { createWriteStream } from "node:fs";
import { chown, link, lutimes, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ContainerRequest } from "../../../src/node/engine/index.ts";
import {
  createImageTools,
  createSnapshots,
  type Image,
  type ImageTools,
  type Snapshots,
  type StorageDriver,
} from "../../../src/node/images/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { until } from "../../support/poll.ts";
import { paxEntry, rawEntry, tarStream } from "../../support/tar-bytes.ts";
import { openTestEngine, type TestEngine } from "../../support/test-engine.ts";
import { neverAborted } from "../../support/test-store.ts";

const run = promisify(execFile);
const signal = neverAborted();
const quiet = () => undefined;
const asIs = (config: object) => config;

let test: TestEngine;
let tools: ImageTools;
let snapshots: Snapshots;
let folder: string;
const USERNS = { mapping: { uid: 300_000, gid: 400_000, count: 100_000 }, allowHost: true };

beforeEach(() => open());
afterEach(close);

async function open(driver: StorageDriver = "overlay2"): Promise<void> {
  test = await openTestEngine({ userns: USERNS, driver });
  const [native, clock] = [loadNative(), systemClock()];
  snapshots = createSnapshots({ dataDir: test.dataDir, native, clock });
  tools = createImageTools({ dataDir: test.dataDir, native, clock, store: test.images, snapshots });
  folder = await mkdtemp(join(tmpdir(), "berth-export-"));
}

async function close(): Promise<void> {
  await test.close();
  await rm(folder, { recursive: true, force: true });
}

/** With another driver than the one that is open. */
async function use(driver: StorageDriver): Promise<void> {
  if (driver === "overlay2") return;
  await close();
  await open(driver);
}

/** A container that made its changes and waits; its id. */
async function changed(script: string, request: Partial<ContainerRequest> = {}): Promise<string> {
  const id = await test.run(`${script}\necho done; sleep 1000`, { userns: "host", ...request });
  await until("the container's changes", 60, async () => {
    const log = await test.logText(id);
    if (!log.includes("done")) throw new Error(log);
    return true;
  });
  return id;
}

const container = (id: string) => {
  const found = test.engine.get(id);
  if (found === null) throw new Error(`no container ${id}`);
  return found;
};

const CHANGES = `
echo new >/root/new; chown 70000:80000 /root/new; chmod 4750 /root/new
echo more >>/etc/passwd
rm /etc/group
rm -rf /var; mkdir /var; echo x >/var/x
ln /root/new /root/hard; ln -s /etc/passwd /root/soft
touch -d @1234567890 /root/new`;

/** One line for each file, and for the bytes of each. */
async function describeTree(root: string): Promise<string> {
  const script =
    "cd \"$0\" && find . -mindepth 1 -type d -printf '%p %m %U %G %T@\\n' | sort && find . ! -type d -printf '%p %y %m %U %G %T@ %n %l\\n' | sort && find . -type f -exec sha256sum {} + | sort -k2 && getfattr -R -d -m 'user|security' --absolute-names . | sed '/^#/d'";
  return (await run("/bin/sh", ["-c", script, root], { maxBuffer: 64 * 1024 * 1024 })).stdout;
}

async function exported(id: string, name: string): Promise<string> {
  const [tar, root] = [join(folder, `${name}.tar`), join(folder, name)];
  await pipeline(await tools.exportContainer(container(id), signal), createWriteStream(tar));
  await mkdir(root);
  await run("tar", ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", tar, "-C", root]);
  return root;
}

/** The image's files by themselves: a container would get mount points. */
async function treeOf(image: Image): Promise<string> {
  await test.images.unpack(image, quiet, signal);
  const place = join(test.dataDir, "views", image.digest.slice(7));
  const { rootfs } = await snapshots.mount(place, image.chainIds);
  try {
    return await describeTree(rootfs);
  } finally {
    await snapshots.unmount(place);
  }
}

describe("a container's files", () => {
  it.each(["overlay2", "vfs"] as const)(
    "are told apart into added, changed and deleted, without the runtime's mount points; by %s",
    async (driver) => {
      await use(driver);
      const id = await changed(CHANGES);
      const changes = (await tools.diffContainer(container(id))).map(({ kind, path }) => `${kind} ${path}`);
      expect(changes).toEqual([
        "C /etc",
        "D /etc/group",
        "C /etc/passwd",
        "C /root",
        "A /root/hard",
        "A /root/new",
        "A /root/soft",
        "C /var",
        "A /var/x",
      ]);
    },
  );

  it.each([
    ["host", "overlay2"],
    ["private", "overlay2"],
    ["private", "vfs"],
  ] as const)(
    "are the same after commit, and after export and import, owners, modes, links and times included; user namespace: %s, by %s",
    async (userns, driver) => {
      await use(driver);
      const id = await changed(CHANGES, { userns });
      const before = await describeTree(await exported(id, "before"));
      expect(before).toContain("./root/new f 4750 70000 80000 1234567890.0000000000 2");
      const committed = await tools.commitContainer(
        container(id),
        { reference: "committed:1", author: "me", message: "by hand", change: (config) => ({ ...config, Cmd: ["/x"] }) },
        signal,
      );
      expect(committed).toMatchObject({ references: ["docker.io/library/committed:1"], config: { config: { Cmd: ["/x"] } } });
      expect(committed.config.history?.at(-1)).toMatchObject({ author: "me", comment: "by hand" });
      expect(await treeOf(committed)).toBe(before);

      const tar = await tools.exportContainer(container(id), signal);
      const imported = await tools.import(tar, { reference: "imported:1", message: null, change: asIs }, signal);
      expect(imported.layers).toHaveLength(1);
      expect(await treeOf(imported)).toBe(before);
    },
  );

  it("can be taken of a container that ended, until it is removed", async () => {
    const { id } = await test.runToEnd("echo kept >/root/kept", { userns: "host" });
    expect(await tools.diffContainer(container(id))).toEqual([
      { kind: "C", path: "/root" },
      { kind: "A", path: "/root/kept" },
    ]);
    const image = await tools.commitContainer(container(id), { reference: "ended:1", author: null, message: null, change: asIs }, signal);
    const { log } = await test.runToEnd("cat /root/kept", { image: image.digest, userns: "host" });
    expect(log).toBe("kept\n");
  });

  it("leave the GPU driver's files out, changed or deleted ones too, and show the image's own instead", async () => {
    const layer = join(test.dataDir, "gpu-layers/abc");
    await mkdir(join(layer, "usr/lib"), { recursive: true });
    await writeFile(join(layer, "usr/lib/libcuda.so.1"), "driver");
    await writeFile(join(layer, "etc-passwd"), "");
    await mkdir(join(layer, "etc"));
    await writeFile(join(layer, "etc/passwd"), "of the driver");
    const id = await changed("mkdir -p /usr/lib; echo copied >/usr/lib/libcuda.so.1; echo own >/usr/lib/own; echo x >>/etc/passwd");
    const withGpu = { ...container(id), gpuUuids: ["GPU-1"] };
    expect((await tools.diffContainer(withGpu)).map(({ path }) => path)).toEqual(["/usr", "/usr/lib", "/usr/lib/own"]);
    const image = await tools.commitContainer(withGpu, { reference: "gpu:1", author: null, message: null, change: asIs }, signal);
    const { log } = await test.runToEnd("ls /usr/lib; head -c 4 /etc/passwd", { image: image.digest, userns: "host" });
    expect(log).toBe("own\nroot");
    const tar = join(folder, "gpu.tar");
    await pipeline(await tools.exportContainer(withGpu, signal), createWriteStream(tar));
    expect((await run("tar", ["-xOf", tar, "etc/passwd"])).stdout).not.toContain("x\n\n");
    expect((await run("tar", ["-tf", tar])).stdout).not.toContain("libcuda");
  });
});

describe("import", () => {
  it("takes a tar of GNU tar's, compressed, with all that it says of files", async () => {
    const root = join(folder, "root");
    await mkdir(join(root, "etc"), { recursive: true });
    await writeFile(join(root, "etc/a"), "a", { mode: 0o640 });
    await chown(join(root, "etc/a"), 100_000, 4_000_000_000);
    await utimes(join(root, "etc/a"), 1, 1.25);
    await link(join(root, "etc/a"), join(root, "etc/b"));
    await symlink("a", join(root, "etc/c"));
    await lutimes(join(root, "etc/c"), 5, 5.5);
    await run("setfattr", ["-n", "user.note", "-v", "hi", join(root, "etc/a")]);
    const { stdout } = await run("tar", ["--xattrs", "--format=pax", "-C", root, "-cf", "-", "."], { encoding: "buffer" });
    const wanted = { reference: "imported:1", message: "from tar", change: asIs };
    const image = await tools.import(Readable.from([gzipSync(stdout)]), wanted, signal);
    await test.images.unpack(image, quiet, signal);
    const layer = join(test.dataDir, "layers", image.chainIds[0]?.slice(7) ?? "", "fs");
    expect(await describeTree(layer)).toBe(await describeTree(root));
  });

  it("refuses a tar that climbs out, and leaves nothing", async () => {
    const before = (await test.images.list()).length;
    const wanted = { reference: "bad:1", message: null, change: asIs };
    const tar = tarStream(paxEntry({ path: "../../etc/berth-escape" }), rawEntry({ name: "x", body: "x" }));
    await expect(tools.import(tar, wanted, signal)).rejects.toMatchObject({ code: "layer_invalid" });
    expect(await test.images.list()).toHaveLength(before);
  });

  it("takes an archive of nothing, and refuses nothing at all: the command before the pipe has failed", async () => {
    const wanted = { reference: null, message: null, change: asIs };
    await expect(tools.import(Readable.from([Buffer.alloc(1024)]), wanted, signal)).resolves.toMatchObject({ layers: [{}] });
    await expect(tools.import(Readable.from([]), wanted, signal)).rejects.toThrow("the tar is empty");
    for (const empty of [[], [Buffer.alloc(10_240)]])
      await expect(test.images.load(Readable.from(empty), quiet, signal)).rejects.toThrow("the archive is empty");
  });
});
