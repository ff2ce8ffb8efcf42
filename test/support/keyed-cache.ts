import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { mountsBelow, readMounts } from "../../src/node/platform/index.ts";

const DAY_MS = 86_400_000;
/** A finished folder, or one that was being made when its maker was killed. */
const OURS = /^(?:[0-9a-f]{12}|new-.{6})$/;

/**
 * The folder of `home` that was made from `parts`: made by `make` (which is told a path that does not exist yet) when it is not
 * there, whole or not at all. Others that nobody used for a day go when a new one is made. Rejects with what `make` throws.
 */
export async function keyedFolder(home: string, parts: unknown, make: (folder: string) => Promise<void>): Promise<string> {
  const key = createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 12);
  const folder = join(home, key);
  if (await isUsed(folder)) return folder;
  await mkdir(home, { recursive: true });
  const work = await mkdtemp(join(home, "new-"));
  try {
    await make(join(work, "made"));
    await rename(join(work, "made"), folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  await dropOutdated(home, key);
  return folder;
}

/** Its modification time tells when it was used last. False when it is not there. */
async function isUsed(folder: string): Promise<boolean> {
  return utimes(folder, new Date(), new Date()).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );
}

/** Checkouts may share a cache: what another one uses was used lately, or something is mounted in it. */
async function dropOutdated(home: string, key: string): Promise<void> {
  const mounts = await readMounts();
  for (const name of await readdir(home)) {
    const path = join(home, name);
    if (name === key || !OURS.test(name) || mountsBelow(mounts, path).length > 0) continue;
    if ((await stat(path)).mtimeMs < Date.now() - DAY_MS) await rm(path, { recursive: true, force: true });
  }
}
