import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { EntryStat, Native, NativeRoot } from "../../platform/index.ts";
import type { Throttle } from "./throttle.ts";

/**
 * One digest over all that a folder's tree says: names, kinds, owners, modes, times, extended attributes, link targets and
 * bytes. Same tree, same digest. Unpacked layers never change, so a digest that changed is a disk or a hand that wrote.
 */
export async function sealOfTree(native: Native, folder: string, throttle: Throttle, signal: AbortSignal): Promise<string> {
  const root = await native.openRoot(folder);
  try {
    const hash = createHash("sha256");
    await addEntry({ root, hash, throttle, signal }, "");
    return `sha256:${hash.digest("hex")}`;
  } finally {
    root.close();
  }
}

interface Walk {
  root: NativeRoot;
  hash: Hash;
  throttle: Throttle;
  signal: AbortSignal;
}

async function addEntry(walk: Walk, path: string): Promise<void> {
  walk.signal.throwIfAborted();
  const stat = await walk.root.stat(path);
  if (stat === null) return;
  walk.hash.update(JSON.stringify([path, ...metadataOf(stat), await attributesOf(walk.root, path)]));
  if (stat.kind === "symlink") walk.hash.update(JSON.stringify(await walk.root.readlink(path)));
  if (stat.kind === "file") await addBytes(walk, path);
  if (stat.kind !== "directory") return;
  const names = (await walk.root.list(path)).sort();
  for (const name of names) await addEntry(walk, path === "" ? name : `${path}/${name}`);
}

function metadataOf(stat: EntryStat): (string | number)[] {
  // A folder's size is the file system's own business.
  const size = stat.kind === "file" ? stat.size : 0;
  return [stat.kind, stat.uid, stat.gid, stat.mode, size, String(stat.mtimeNs), stat.rdevMajor, stat.rdevMinor];
}

async function attributesOf(root: NativeRoot, path: string): Promise<[string, string][]> {
  const found = await root.xattrs(path);
  return Object.keys(found)
    .sort()
    .map((name) => [name, (found[name] as Buffer).toString("base64")]);
}

async function addBytes({ root, hash, throttle, signal }: Walk, path: string): Promise<void> {
  const fd = await root.openFile(path, false);
  for await (const chunk of createReadStream("", { fd, highWaterMark: 1 << 18, autoClose: true }) as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    hash.update(chunk);
    await throttle.take(chunk.byteLength, signal);
  }
}
