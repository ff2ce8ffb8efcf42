import { getSystemErrorMap } from "node:util";
import { BerthError, errorText } from "../../shared/domain/index.ts";

/** "cannot write a.tar: no space left on device". Anything but an error of the system comes back as it is. */
export function fileError(doing: "read" | "write", path: string, error: unknown): unknown {
  const { code, errno, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof BerthError || errno === undefined || syscall === undefined) return error;
  const why = getSystemErrorMap().get(errno)?.[1] ?? errorText(error);
  const full = code === "ENOSPC" || code === "EDQUOT";
  return new BerthError(full ? "insufficient_storage" : "invalid_request", `cannot ${doing} ${path}: ${why}`, {
    cause: error,
    details: { hint: full ? "free space on that disk, or name a file on another" : "check the path and its permissions" },
  });
}
