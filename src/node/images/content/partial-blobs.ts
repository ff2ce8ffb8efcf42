import { constants } from "node:fs";
import { type FileHandle, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import type { Clock } from "../../../shared/domain/index.ts";
import { digestHex, digestOfHex } from "../../../shared/oci/index.ts";
import { type Native, syncFolder } from "../../platform/index.ts";
import type { StorePaths } from "../paths.ts";
import { errnoOf } from "./storage-error.ts";

const StateSchema = Type.Object({
  size: Type.Integer({ minimum: 0 }),
  segmentBytes: Type.Integer({ minimum: 1 }),
  done: Type.Array(Type.Integer({ minimum: 0 })),
});

/** Which parts of a blob are in its file. */
export type PartialState = Static<typeof StateSchema>;

/**
 * A blob that is being fetched, and survives the process that fetches it. One process at a time holds it, by flock. Its
 * bytes are not trusted: they are hashed as a whole before they become a blob.
 */
export interface PartialBlob {
  readonly handle: FileHandle;
  readonly path: string;
  /** As the last holder left it; null for a new one. */
  readonly state: PartialState | null;
  saveState(state: PartialState): Promise<void>;
  /** The verified file becomes the blob. The caller has pinned its digest. */
  publish(): Promise<void>;
  /** What was fetched is worthless. */
  discard(): Promise<void>;
  close(): Promise<void>;
}

const POLL_MS = 50;

/** Takes hold of the partial blob of a digest; waits while another process has it. */
export async function openPartial(
  { paths, native, clock }: { paths: StorePaths; native: Pick<Native, "tryLock">; clock: Clock },
  digest: string,
  signal: AbortSignal,
): Promise<PartialBlob> {
  const path = join(paths.partials, digestHex(digest));
  for (;;) {
    signal.throwIfAborted();
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    if (await heldAndStill(native, handle, path)) return partialIn(path, handle, paths, digest, await readState(path));
    await handle.close();
    await clock.sleep(POLL_MS, signal);
  }
}

/** A pull that broke off is often tried again, and then goes on from there. */
const KEPT_MS = 3600 * 1000;

/** Removes what nobody has been fetching for an hour. Call under the store lock. Returns the bytes freed. */
export async function removeIdlePartials({
  paths,
  native,
  clock,
}: {
  paths: StorePaths;
  native: Pick<Native, "tryLock">;
  clock: Clock;
}): Promise<number> {
  let freed = 0;
  const names = new Set(await readdir(paths.partials));
  for (const name of names) {
    const path = join(paths.partials, name);
    const [hex = ""] = name.split(".", 1);
    // What is said of bytes that are gone: whoever fetches them makes the file first.
    if (!names.has(hex)) await rm(path, { force: true });
    if (name !== hex || digestOfHex(name) === null) continue;
    const handle = await open(path, "r+");
    const { blocks, mtimeMs } = await handle.stat();
    if (clock.now() - mtimeMs > KEPT_MS && native.tryLock(handle.fd)) {
      freed += blocks * 512;
      await removeFiles(path);
    }
    await handle.close();
  }
  return freed;
}

function partialIn(path: string, handle: FileHandle, paths: StorePaths, digest: string, state: PartialState | null): PartialBlob {
  // One after the other: several connections fetch segments of one blob.
  let saved: Promise<void> = Promise.resolve();
  const save = async (next: PartialState) => {
    await writeFile(`${path}.json.tmp`, JSON.stringify(next), { mode: 0o600 });
    await rename(`${path}.json.tmp`, `${path}.json`);
  };
  return {
    handle,
    path,
    state,
    saveState(next) {
      const saving = saved.then(() => save(next));
      saved = saving.catch(() => undefined);
      return saving;
    },
    async publish() {
      await handle.sync();
      // Before the bytes go: what is said of them must never be there without them.
      await removeState(path);
      await rename(path, paths.blob(digest));
      await syncFolder(dirname(paths.blob(digest)));
    },
    discard: () => removeFiles(path),
    close: () => handle.close(),
  };
}

async function removeFiles(path: string): Promise<void> {
  // The state first: bytes without it are fetched again, a state without bytes would be believed.
  await removeState(path);
  await rm(path, { force: true });
}

async function removeState(path: string): Promise<void> {
  for (const name of [`${path}.json`, `${path}.json.tmp`]) await rm(name, { force: true });
}

async function heldAndStill(native: Pick<Native, "tryLock">, handle: FileHandle, path: string): Promise<boolean> {
  try {
    return native.tryLock(handle.fd) && (await isStill(handle, path));
  } catch (error) {
    // Left open it would hold the lock, and the next try would wait for ever.
    await handle.close();
    throw error;
  }
}

/** Between open and lock the last holder may have published or removed the file: then the lock is on nothing. */
async function isStill(handle: FileHandle, path: string): Promise<boolean> {
  const again = await open(path, "r").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  });
  if (again === null) return false;
  const [held, named] = await Promise.all([handle.stat(), again.stat()]).finally(() => again.close());
  return held.ino === named.ino;
}

async function readState(path: string): Promise<PartialState | null> {
  try {
    const value: unknown = JSON.parse(await readFile(`${path}.json`, "utf8"));
    return Value.Check(StateSchema, value) ? value : null;
  } catch {
    // Missing or torn: the bytes are fetched again.
    return null;
  }
}
