import { invalid, quoted } from "./request-limits.ts";

const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/**
 * The words of Go's strconv.ParseBool, which the NVIDIA_DISABLE_REQUIRE of existing images follow; unset and empty are false.
 * @throws BerthError gpu_request_invalid: a typing error must not silently leave a check on or off
 */
export function parseGoBool(name: string, value: string | undefined): boolean {
  if (value === undefined || value === "" || FALSE.has(value)) return false;
  if (TRUE.has(value)) return true;
  throw invalid(`${name}=${quoted(value)} is neither true nor false`);
}
