import { link, mkdir, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder, withTemporary } from "./write-file.ts";

/**
 * Writes a secret (0600) that did not exist before; a crash leaves all of it or nothing. Of two processes that make it at once one wins.
 * Returns what is there then.
 */
export async function createSecretFile(path: string, text: string): Promise<string> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await withTemporary(path, text, { mode: 0o600, sync: true }, async (temporary) => {
    await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    await rm(temporary);
  });
  await syncFolder(folder);
  return readFile(path, "utf8");
}
