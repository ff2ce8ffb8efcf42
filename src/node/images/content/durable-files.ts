import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "../../platform/index.ts";

/** mkdir -p with the new folders' names on disk. */
export async function makeDirectories(paths: readonly string[], mode: number): Promise<void> {
  for (const path of paths) {
    const first = await mkdir(path, { recursive: true, mode });
    if (first !== undefined) await syncFolder(dirname(first));
  }
}
