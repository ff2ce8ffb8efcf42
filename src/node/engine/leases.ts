import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../shared/domain/index.ts";
import { exists, type Native, retireLeaseGuard, startLeaseGuard, writeFileAtomically } from "../platform/index.ts";

/**
 * Deadlines that hold even when this process is stopped or dead: files that the lease-guard process reads, which kills
 * the container when its time is over.
 *
 * No fsync: what a lease protects ends with the machine's power anyway.
 */
export interface Leases {
  /** `deadlineMs`: CLOCK_BOOTTIME. `cgroupFolders`: absolute, all of them are killed. */
  write(id: string, deadlineMs: number, cgroupFolders: readonly string[]): Promise<void>;
  /** Makes sure that a guard runs; only after `write`, or it may leave for want of files. */
  ensureGuard(): Promise<void>;
  /** The same at most every half minute: a guard that somebody killed comes back while containers run. */
  keepGuard(): Promise<void>;
  /** The guard ended this container. */
  hasExpired(id: string): Promise<boolean>;
  remove(id: string): Promise<void>;
  /** Removes the files of all but `known`. */
  sweep(known: ReadonlySet<string>): Promise<void>;
  /** Ends the guard when no lease is left. */
  close(): Promise<void>;
}

export interface LeaseOptions {
  dir: string;
  /** The lease-guard program. */
  guard: string;
  guardLog: string;
  native: Native;
  clock: Clock;
}

const EXPIRED = ".expired";
const KEEP_GUARD_EVERY_MS = 30_000;

/** `dir` is on a file system that a restart of the machine clears: boot-time deadlines mean nothing after it. */
export function createLeases(options: LeaseOptions): Leases {
  const file = (id: string) => join(options.dir, id);
  let ensuredAt = Number.NEGATIVE_INFINITY;
  const ensureGuard = async () => {
    ensuredAt = options.clock.monotonic();
    await startLeaseGuard({ program: options.guard, leasesDir: options.dir, logFile: options.guardLog });
  };
  return {
    write: (id, deadlineMs, cgroupFolders) => writeFileAtomically(file(id), `${[Math.floor(deadlineMs), ...cgroupFolders].join("\n")}\n`),
    ensureGuard,
    async keepGuard() {
      if (options.clock.monotonic() - ensuredAt >= KEEP_GUARD_EVERY_MS) await ensureGuard();
    },
    hasExpired: (id) => exists(`${file(id)}${EXPIRED}`),
    async remove(id) {
      await rm(file(id), { force: true });
      await rm(`${file(id)}${EXPIRED}`, { force: true });
    },
    async sweep(known) {
      const names = await readdir(options.dir);
      const unknown = names.filter((name) => !known.has(name.replace(EXPIRED, "")));
      await Promise.all(unknown.map((name) => rm(file(name), { force: true })));
    },
    async close() {
      if ((await readdir(options.dir)).length === 0) await retireLeaseGuard({ leasesDir: options.dir, ...options });
    },
  };
}
