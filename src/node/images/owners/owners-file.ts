import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type IdMapping, writeFileAtomically } from "../../platform/index.ts";
import { errnoOf } from "../content/storage-error.ts";

const NAME = "owners.json";

/** Notes, before the first file is written, that a container's writable layer holds the host's ids. */
export async function noteHostOwners(containerDir: string, mapping: IdMapping): Promise<void> {
  await writeFileAtomically(join(containerDir, NAME), `${JSON.stringify(mapping)}\n`);
}

/** Null where the disk holds the container's own ids. */
export async function readHostOwners(containerDir: string): Promise<IdMapping | null> {
  try {
    return JSON.parse(await readFile(join(containerDir, NAME), "utf8")) as IdMapping;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
}
