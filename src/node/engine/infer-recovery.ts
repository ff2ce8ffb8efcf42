import type { ContainerRecord } from "./container-record.ts";

/** What recover() does with one container folder. */
export type Recovery =
  /** It never ran, or was about to go: take everything away. */
  | "discard"
  /** It may run: watch it; the watch finds out at once when it has ended. */
  | "adopt"
  /** It ended and was recorded: give back what may still be held. */
  | "release"
  /** It ran when the machine went down: record that nobody knows how it ended. */
  | "lost";

export interface RecoveryFacts {
  /** Null for a folder without a readable record. */
  record: Pick<ContainerRecord, "phase" | "bootId"> | null;
  bootId: string;
  /** An exit code was written down. */
  hasExit: boolean;
  /** What the runtime says; asked only for `starting`. */
  runtimeStatus: string | null;
}

/** The decision, apart from every look at the machine. */
export function inferRecovery({ record, bootId, hasExit, runtimeStatus }: RecoveryFacts): Recovery {
  if (record === null || record.phase === "creating" || record.phase === "removing") return "discard";
  if (record.phase === "exited") return "release";
  if (hasExit) return "adopt";
  if (record.bootId !== bootId) return "lost";
  // Created and not started: the program never ran, so the caller may safely ask again.
  if (record.phase === "starting" && runtimeStatus === "created") return "discard";
  return "adopt";
}
