import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { SYSTEM_PATH } from "./run-program.ts";

/** Where an executable `name` lies: the first of `folders` that has one, by default the system's own; null for none. */
export async function findProgram(name: string, folders: readonly string[] = SYSTEM_PATH.split(":")): Promise<string | null> {
  for (const folder of folders) {
    const path = join(folder, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return null;
}
