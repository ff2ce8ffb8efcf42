export type CheckLevel = "ok" | "warn" | "fail";

/** One line of `berth doctor`. */
export interface Check {
  /** Stable, for programs: "cgroups". */
  id: string;
  level: CheckLevel;
  /** What was looked at, for people. */
  title: string;
  /** What was found: "kernel 6.1.0". */
  found: string;
  /** What it means for Berth; null when all is well. */
  meaning: string | null;
  /** The command or step that puts it right; null when there is nothing to do. */
  fix: string | null;
}

/** Nothing to do; a `meaning` is worth knowing all the same. */
export function ok(id: string, title: string, found: string, meaning: string | null = null): Check {
  return { id, level: "ok", title, found, meaning, fix: null };
}

/** Berth works, but not as well as it could; `fix` null where nothing can be done. */
export function warn(id: string, title: string, found: string, meaning: string, fix: string | null): Check {
  return { id, level: "warn", title, found, meaning, fix };
}

/** `berth up` refuses to start on this machine. */
export function fail(id: string, title: string, found: string, meaning: string, fix: string): Check {
  return { id, level: "fail", title, found, meaning, fix };
}
