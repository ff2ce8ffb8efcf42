import { spawn } from "node:child_process";
import { access, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { BerthError } from "../../shared/domain/index.ts";
import { writeFileAtomically } from "../platform/index.ts";

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
  /** The guard ended this container. */
  hasExpired(id: string): Promise<boolean>;
  remove(id: string): Promise<void>;
  /** Removes the files of all but `known`. */
  sweep(known: ReadonlySet<string>): Promise<void>;
}

export interface LeaseOptions {
  dir: string;
  /** The lease-guard program. */
  guard: string;
  guardLog: string;
}

const EXPIRED = ".expired";

export function createLeases(options: LeaseOptions): Leases {
  const file = (id: string) => join(options.dir, id);
  return {
    write: (id, deadlineMs, cgroupFolders) => writeFileAtomically(file(id), `${[Math.floor(deadlineMs), ...cgroupFolders].join("\n")}\n`),
    ensureGuard: () => startGuard(options),
    hasExpired: (id) =>
      access(`${file(id)}${EXPIRED}`).then(
        () => true,
        () => false,
      ),
    async remove(id) {
      await rm(file(id), { force: true });
      await rm(`${file(id)}${EXPIRED}`, { force: true });
    },
    async sweep(known) {
      const names = await readdir(options.dir);
      const unknown = names.filter((name) => !known.has(name.replace(EXPIRED, "")));
      await Promise.all(unknown.map((name) => rm(file(name), { force: true })));
    },
  };
}

/**
 * Returns when a guard has seen every lease: this one, gone on in a session of its own, or one that ran before.
 * Its complaints go to a file: a pipe to us would end with us.
 */
async function startGuard({ guard, dir, guardLog }: LeaseOptions): Promise<void> {
  const log = await open(guardLog, "a", 0o600);
  try {
    const child = spawn(guard, [dir], { cwd: "/", env: {}, stdio: ["ignore", "ignore", log.fd], detached: true });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("exit", resolve);
      child.once("error", (error) =>
        reject(new BerthError("missing_requirement", `cannot start ${guard}: ${error.message}`, { cause: error })),
      );
    });
    if (code !== 0) throw new BerthError("internal", `the lease guard does not start: see ${guardLog}`);
  } finally {
    await log.close();
  }
}
