import { createHash } from "node:crypto";
import { lstat, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A tree outside every rootfs that no attack may change: its hash before and after is compared. */
export async function makeCanary(folder: string): Promise<string> {
  const canary = join(folder, "canary");
  await mkdir(join(canary, "sub/nvidia/lib64"), { recursive: true });
  await writeFile(join(canary, "secret"), "of the host", { mode: 0o600 });
  await writeFile(join(canary, "ld.so.cache"), "of the host");
  return canary;
}

/** Names, modes, owners, sizes, change times and contents of everything in it. */
export async function hashTree(folder: string): Promise<string> {
  const hash = createHash("sha256");
  const names = (await readdir(folder, { recursive: true })).sort();
  for (const name of [".", ...names]) {
    const path = join(folder, name);
    const { mode, uid, gid, size, mtimeMs, ino } = await lstat(path);
    hash.update(JSON.stringify([name, mode, uid, gid, size, mtimeMs, ino]));
    if ((mode & 0o170000) === 0o100000) hash.update(await readFile(path));
  }
  return hash.digest("hex");
}
