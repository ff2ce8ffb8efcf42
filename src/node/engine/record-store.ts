import { readFile } from "node:fs/promises";
import { writeFileAtomically, writeFileDurably } from "../platform/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import { containerPaths, type EnginePaths } from "./paths.ts";

/**
 * Writes container.json. The first and the last word about a container (it exists, it ended so) survive a power cut;
 * those between only have to survive a SIGKILL, for no container outlives a power cut.
 */
export async function writeRecord(paths: EnginePaths, record: ContainerRecord): Promise<void> {
  const file = containerPaths(paths, record.request.id).record;
  const text = `${JSON.stringify(record)}\n`;
  const passing = record.phase === "starting" || record.phase === "running";
  await (passing ? writeFileAtomically(file, text) : writeFileDurably(file, text));
}

/** Null when there is none, or only a torn one: such a container never ran. */
export async function readRecord(paths: EnginePaths, id: string): Promise<ContainerRecord | null> {
  const text = await readFile(containerPaths(paths, id).record, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw error;
  });
  if (text === null) return null;
  try {
    const record = JSON.parse(text) as ContainerRecord;
    return record.version === 1 && record.request.id === id ? record : null;
  } catch {
    return null;
  }
}
