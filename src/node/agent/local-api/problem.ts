import { BerthError, ERRORS, errorText } from "../../../shared/domain/index.ts";
import type { Problem } from "../../../shared/wire/index.ts";
import { isDiskFull } from "../../platform/index.ts";

/** Any error as an RFC 9457 problem; one that Berth did not throw on purpose is `internal`. */
export function problemOf(error: unknown): Problem {
  const known =
    error instanceof BerthError
      ? error
      : new BerthError(isDiskFull(error) ? "insufficient_storage" : "internal", errorText(error), { cause: error });
  return {
    type: `urn:berth:error:${known.code}`,
    title: known.code.replaceAll("_", " "),
    status: known.status,
    detail: known.message,
    code: known.code,
    hint: typeof known.details?.["hint"] === "string" ? known.details["hint"] : ERRORS[known.code].hint,
    retryable: known.retryable,
    ...(known.field === undefined ? {} : { errors: [{ field: known.field, message: known.message }] }),
  };
}
