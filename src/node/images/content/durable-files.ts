import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { BerthError } from "../../../shared/domain/index.ts";
import { runProgram, syncFolder } from "../../platform/index.ts";

/**
 * Writes everything dirty on the file system of `path` to disk (syncfs). One call for a whole unpacked layer costs far
 * less than an fsync of each of its files, and Node has no syncfs of its own.
 */
export async function syncFileSystem(path: string): Promise<void> {
  const { code, stderr } = await runProgram("/bin/sync", ["--file-system", path]);
  if (code !== 0) throw new BerthError("internal", `cannot write ${path} to disk: ${stderr.trim()}`);
}

/** mkdir -p with the new folders' names on disk. */
export async function makeDirectories(paths: readonly string[], mode: number): Promise<void> {
  for (const path of paths) {
    const first = await mkdir(path, { recursive: true, mode });
    if (first !== undefined) await syncFolder(dirname(first));
  }
}
