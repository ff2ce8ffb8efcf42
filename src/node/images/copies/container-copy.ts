import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type IdMapping, type Native, type ReadableRoot, writeFileDurably } from "../../platform/index.ts";
import { errnoOf } from "../content/storage-error.ts";
import { noteHostOwners, readHostOwners } from "../owners/owners-file.ts";
import { toHostOwners } from "../owners/shift-owners.ts";
import { unmappedRoot } from "../owners/unmapped-root.ts";
import { changedRoot } from "./changed-root.ts";
import { copyMerged } from "./copy-merged.ts";

/** Written when the copy is whole; an older agent's overlay has none. */
const NOTE = "copy.json";

/** Copies the layers into <containerDir>/rootfs unless they are there. `layers`: folders, top first; `image`: those of the image alone. */
export async function makeContainerCopy(
  native: Native,
  containerDir: string,
  layers: readonly string[],
  image: readonly string[],
  mapping: IdMapping | null,
): Promise<string> {
  const rootfs = join(containerDir, "rootfs");
  if ((await readNote(containerDir)) !== null) return rootfs;
  await mkdir(containerDir, { recursive: true, mode: 0o700 });
  await rm(rootfs, { recursive: true, force: true });
  await mkdir(rootfs, { mode: 0o755 });
  if (mapping !== null) await noteHostOwners(containerDir, mapping);
  await copyMerged(native, layers, rootfs, (metadata) => (mapping === null ? metadata : toHostOwners(metadata, mapping)));
  // The note outlives a power cut, so what it vouches for must.
  await native.syncFileSystem(containerDir);
  await writeFileDurably(join(containerDir, NOTE), `${JSON.stringify({ image })}\n`);
  return rootfs;
}

/** What the container changed, as an overlay's upper folder; null where its root is no copy. */
export async function openContainerCopy(native: Native, containerDir: string): Promise<ReadableRoot | null> {
  const note = await readNote(containerDir);
  if (note === null) return null;
  const mapping = await readHostOwners(containerDir);
  const lowers = await Promise.all(note.image.map((folder) => native.openRoot(folder)));
  const copy = await native.openRoot(join(containerDir, "rootfs"));
  return changedRoot(mapping === null ? copy : unmappedRoot(copy, mapping), lowers);
}

async function readNote(containerDir: string): Promise<{ image: string[] } | null> {
  try {
    return JSON.parse(await readFile(join(containerDir, NOTE), "utf8")) as { image: string[] };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
}
