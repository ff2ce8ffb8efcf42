import { randomBytes } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { mkdir, open, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../../shared/domain/index.ts";
import { digestHex, digestOfHex } from "../../../shared/oci/index.ts";
import type { Native } from "../../platform/index.ts";
import type { StorePaths } from "../paths.ts";
import { namesIn } from "./probe-path.ts";
import { errnoOf } from "./storage-error.ts";
import type { StoreLock } from "./store-lock.ts";

/** This process's place for unfinished work. Whatever a killed process leaves is found by its free lock and removed. */
export interface IngestSession {
  /** A path that nothing has; it vanishes with the session. */
  temporaryPath(): string;
  /** Keeps a blob from prune until it is released as often as it was pinned. Call before looking whether it exists. */
  pin(digest: string): Promise<void>;
  release(digests: Iterable<string>): Promise<void>;
  close(): Promise<void>;
}

interface SessionOptions {
  paths: StorePaths;
  native: Pick<Native, "tryLock" | "spreadSubfolders">;
  lock: StoreLock;
}

/** A pin this old belongs to a build that failed in a process that still lives. */
const PIN_LIFETIME_MS = 24 * 3600 * 1000;

/** Sweeps the sessions of dead processes and opens one for this process. */
export async function openIngestSession(options: SessionOptions): Promise<IngestSession> {
  const directory = join(options.paths.ingest, randomBytes(8).toString("hex"));
  // Under the store lock, so that no other process sees the folder before its lock is held and takes it for a leftover.
  const handle = await options.lock.run(async () => {
    await sweepDeadSessions(options);
    await mkdir(join(directory, "pins"), { recursive: true, mode: 0o700 });
    // Layers are made in it. Where images were removed minutes ago, ext4 is slow to make files: it looks past each inode that was
    // freed. So it begins each layer in another part of the disk.
    await options.native.spreadSubfolders(directory);
    const lockFile = await open(join(directory, "lock"), "wx", 0o600);
    options.native.tryLock(lockFile.fd);
    return lockFile;
  });
  return sessionIn(directory, handle, options.lock);
}

/** Every blob digest that some living process has pinned. Call under the store lock. */
export async function pinnedDigests(paths: StorePaths, clock: Clock): Promise<Set<string>> {
  const pinned = new Set<string>();
  for (const session of await namesIn(paths.ingest)) {
    const pins = join(paths.ingest, session, "pins");
    for (const hex of await namesIn(pins)) {
      const age = clock.now() - (await stat(join(pins, hex))).mtimeMs;
      const digest = digestOfHex(hex);
      if (age < PIN_LIFETIME_MS && digest !== null) pinned.add(digest);
    }
  }
  return pinned;
}

function sessionIn(directory: string, handle: FileHandle, lock: StoreLock): IngestSession {
  const counts = new Map<string, number>();
  const pinPath = (digest: string) => join(directory, "pins", digestHex(digest));
  let next = 0;
  return {
    temporaryPath: () => join(directory, `${next++}`),
    pin: (digest) =>
      lock.run(async () => {
        counts.set(digest, (counts.get(digest) ?? 0) + 1);
        await writeFile(pinPath(digest), "");
      }),
    async release(digests) {
      for (const digest of digests) {
        const left = Math.max(0, (counts.get(digest) ?? 0) - 1);
        if (left > 0) counts.set(digest, left);
        else if (counts.delete(digest)) await rm(pinPath(digest), { force: true });
      }
    },
    async close() {
      await rm(directory, { recursive: true, force: true });
      await handle.close();
    },
  };
}

async function sweepDeadSessions(options: SessionOptions): Promise<void> {
  for (const name of await namesIn(options.paths.ingest)) {
    const directory = join(options.paths.ingest, name);
    const handle = await openIfThere(join(directory, "lock"));
    const dead = handle === null || options.native.tryLock(handle.fd);
    if (dead) await rm(directory, { recursive: true, force: true });
    await handle?.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
}
