import { chmod, lstat, mkdir } from "node:fs/promises";
import { BerthError } from "../../shared/domain/index.ts";

/**
 * Makes a folder that only its owner can enter. Its permission is all that guards the sockets in it, so a link, or a folder
 * that somebody else made there first, is refused.
 * @throws BerthError forbidden
 */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const entry = await lstat(path);
  const own = process.geteuid?.() ?? 0;
  if (!entry.isDirectory() || entry.uid !== own) {
    throw new BerthError("forbidden", `${path} is not a folder of this user`, { details: { hint: `remove it, or choose another folder` } });
  }
  if ((entry.mode & 0o077) !== 0) await chmod(path, 0o700);
}
