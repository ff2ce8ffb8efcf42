import { BerthError, errorText } from "../../../shared/domain/index.ts";
import { isDiskFull } from "../../platform/index.ts";

/** The errno name of a system error ("ENOSPC"); null for anything else. */
export function errnoOf(error: unknown): string | null {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" ? code : null;
}

/** Turns "disk full" into insufficient_storage; everything else stays as it is. */
export function asStorageError(error: unknown): unknown {
  if (!isDiskFull(error)) return error;
  return new BerthError("insufficient_storage", `the disk is full: ${errorText(error)}`, { cause: error });
}
