import { execFileSync, spawnSync } from "node:child_process";
import { closeSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createSnapshots, type Snapshots } from "../../../src/node/images/index.ts";
import { idMapLines, readMounts } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { addLayered } from "../../support/layered-image.ts";
import { rawEntry, tarStream } from "../../support/tar-bytes.ts";
import { imageToolsOf, neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";

/** user::rw- user:9:r-- group::r-- group:8:-w- mask::rw- other::r-- */
const ACL = "0x0200000001000600ffffffff020004000900000004000400ffffffff080002000800000010000600ffffffff20000400ffffffff";
const MAPPING = { uid: 300_000, gid: 400_000, count: 65_536 };
const signal = neverAborted();

let test: TestStore;
let chainIds: string[];

beforeEach(async () => {
  test = await openTestStore();
  const upper = [
    rawEntry({ name: "./", type: "5", mode: "0000755" }),
    rawEntry({ name: "etc/.wh.gone" }),
    rawEntry({ name: "var/.wh..wh..opq" }),
  ];
  const layers = [
    await test.store.addLayer(tarStream(...base()), signal),
    await test.store.addLayer(tarStream(...upper, rawEntry({ name: "var/new", body: "n", uid: "0000007", gid: "0000010" })), signal),
  ];
  const image = await addLayered(test.store, "app:1", layers);
  await test.store.unpack(image, () => undefined, signal);
  chainIds = image.chainIds;
});
afterEach(() => test.remove());

function base(): Buffer[] {
  return [
    rawEntry({ name: "./", type: "5", mode: "0000755" }),
    rawEntry({ name: "etc/", type: "5", mode: "0000750", uid: "0001750", gid: "0001751" }),
    rawEntry({ name: "etc/gone", body: "x" }),
    rawEntry({ name: "etc/suid", body: "x".repeat(100_000), mode: "0004755" }),
    rawEntry({ name: "etc/hard", type: "1", linkName: "etc/suid" }),
    rawEntry({ name: "etc/soft", type: "2", linkName: "suid", uid: "0000005" }),
    rawEntry({ name: "etc/fifo", type: "6", mode: "0000600", uid: "0000005" }),
    rawEntry({ name: "etc/nobody", body: "x", uid: "0177776", gid: "0177776" }),
    rawEntry({ name: "var/", type: "5", mode: "0000755" }),
    rawEntry({ name: "var/old", body: "old" }),
  ];
}

const snapshotsBy = (owners: "idmapped" | "chowned"): Snapshots =>
  createSnapshots({ dataDir: test.dataDir, native: test.native, clock: systemClock(), owners });

/** Everything that a program can tell about the files, ACLs and capabilities included. */
function describeTree(folder: string): string {
  const script =
    "cd \"$0\" && find . ! -type d -printf '%p %y %m %U %G %T@ %n %l\\n' | sort && find . -type d -printf '%p %m %U %G %T@\\n' | sort && find . -type f -exec sha256sum {} + | sort -k2 && getfattr -R -h -d -m 'user|system|security' --absolute-names . | sort";
  return spawnSync("/bin/sh", ["-c", script, folder], { encoding: "utf8" }).stdout;
}

/** By the root of such a namespace. It begins inside: the folders above are closed to it. */
async function change(rootfs: string): Promise<void> {
  const script = `cp /bin/true cap && setcap cap_net_raw+ep cap && echo x >>etc/nobody && rm etc/hard && chown 33:44 var/new
    setfattr -n system.posix_acl_access -v ${ACL} var/new && mkdir made && chown 1:2 made && touch -d @1 cap etc/nobody etc var var/new made .`;
  const { uidMap, gidMap } = idMapLines(MAPPING);
  const namespace = await test.native.createUserNamespace(uidMap, gidMap);
  const enter = [`--user=/proc/${process.pid}/fd/${namespace}`, "--setuid=0", "--setgid=0"];
  execFileSync("/usr/bin/nsenter", [...enter, "/bin/sh", "-ec", script], { cwd: rootfs, stdio: ["ignore", "pipe", "pipe"] });
  closeSync(namespace);
}

it("copies of layers show the same files as mapped mounts, and what a container changed is the same layer", async () => {
  const seen: Record<string, { before: string; after: string; layer: string }> = {};
  for (const way of ["idmapped", "chowned"] as const) {
    const snapshots = snapshotsBy(way);
    const dir = test.containerDir(way);
    const { rootfs } = await snapshots.mount(dir, chainIds, { idMapping: MAPPING });
    const before = describeTree(rootfs);
    await change(rootfs);
    const after = describeTree(rootfs);
    await snapshots.unmount(dir);
    const layer = Buffer.concat((await (await snapshots.diff(dir, { latestMtimeNs: 1n })).toArray()) as Buffer[]).toString("latin1");
    seen[way] = { before, after, layer };
  }
  expect(seen["idmapped"]?.before).toContain("./etc/suid f 4755 300000 400000");
  expect(seen["idmapped"]?.before).toContain("./var/new f 644 300007 400008");
  expect(seen["idmapped"]?.before).not.toContain("old");
  expect(seen["chowned"]).toEqual(seen["idmapped"]);
});

it("copies are made once, whatever a kill left of one, and pruned with their layer", async () => {
  const snapshots = snapshotsBy("chowned");
  const copies = join(test.dataDir, "layers-chowned/300000-400000-65536");
  await mkdir(join(copies, "unfinished/fs"), { recursive: true });
  await writeFile(join(copies, "unfinished/fs/half"), "");
  const folders = ["one", "two"].map((name) => test.containerDir(name));
  for (const dir of folders) {
    const { rootfs } = await snapshots.mount(dir, chainIds, { idMapping: MAPPING });
    expect(await readdir(rootfs)).toEqual(["etc", "var"]);
  }
  expect((await readdir(copies)).map((hex) => `sha256:${hex}`).sort()).toEqual([...chainIds].sort());
  for (const dir of folders) await snapshots.unmount(dir);
  await mkdir(join(copies, "unfinished/fs"), { recursive: true });
  await test.store.remove("app:1");
  await test.store.prune(new Set());
  expect(await readdir(copies)).toEqual([]);
});

/** Mounts the image and takes the mount away: the copies stay. */
async function mountOnce(snapshots: Snapshots, read: string): Promise<string> {
  const dir = test.containerDir("once");
  const { rootfs } = await snapshots.mount(dir, chainIds, { idMapping: MAPPING });
  const text = await readFile(join(rootfs, read), "utf8");
  await snapshots.unmount(dir);
  await rm(dir, { recursive: true });
  return text;
}

it("copies are counted beside the layers, and a damaged one, or one of a damaged or lost layer, is made anew", async () => {
  const tools = imageToolsOf(test);
  const scrub = async (unpacked: boolean, inUse: readonly string[] = []) =>
    (await tools.scrub({ bytesPerSecond: null, unpacked, inUse: new Set(inUse) }, () => undefined, signal)).chownedLayers;
  const before = await tools.usage();
  expect(before.chownedLayers).toEqual({ count: 0, bytes: 0, unreachedBytes: 0 });
  const snapshots = snapshotsBy("chowned");
  expect(await mountOnce(snapshots, "var/new")).toBe("n");
  const { bytes } = before.layers;
  expect(await tools.usage()).toEqual({ ...before, chownedLayers: { count: 2, bytes, unreachedBytes: 0 } });

  expect(await scrub(true)).toEqual({ checked: 2, sealed: 2, quarantined: [], damagedInUse: [] });
  const [bottom = "", top = ""] = chainIds;
  const copies = join(test.dataDir, "layers-chowned/300000-400000-65536");
  await writeFile(join(copies, top.slice(7), "fs/var/new"), "?");
  expect(await scrub(true, chainIds)).toMatchObject({ checked: 2, sealed: 0, quarantined: [], damagedInUse: [top] });
  expect(await scrub(true)).toMatchObject({ quarantined: [top], damagedInUse: [] });
  expect(await mountOnce(snapshots, "var/new")).toBe("n");

  // Damaged before it is copied: the copy agrees with nothing but the damage.
  const layer = join(test.dataDir, "layers", top.slice(7));
  await rm(join(copies, top.slice(7)), { recursive: true });
  await writeFile(join(layer, "fs/var/new"), "?");
  expect(await mountOnce(snapshots, "var/new")).toBe("?");
  expect(await scrub(true)).toMatchObject({ quarantined: [top] });
  expect(await readdir(copies)).toEqual([bottom.slice(7)]);
  await rm(join(test.dataDir, "layers", bottom.slice(7)), { recursive: true });
  expect(await scrub(false, [bottom])).toMatchObject({ quarantined: [] });
  expect(await scrub(false)).toMatchObject({ checked: 0, quarantined: [bottom] });
  await test.store.unpack(await test.store.get("app:1"), () => undefined, signal);
  expect(await mountOnce(snapshots, "var/new")).toBe("n");

  await test.store.remove("app:1");
  expect((await tools.usage()).chownedLayers).toEqual({ count: 2, bytes, unreachedBytes: bytes });
});

it("trying what the kernel can leaves nothing, nor does what a kill left of it", async () => {
  const probe = join(test.dataDir, "overlay-probe");
  await mkdir(join(probe, "rootfs"), { recursive: true });
  await test.native.mount("tmpfs", join(probe, "rootfs"), "tmpfs", 0, "");
  expect(await snapshotsBy("idmapped").ownersVariant(MAPPING)).toEqual({ kind: "idmapped" });
  expect((await readMounts()).filter(({ mountPoint }) => mountPoint.startsWith(test.dataDir))).toEqual([]);
  expect(await readdir(test.dataDir)).not.toContain("overlay-probe");
});
