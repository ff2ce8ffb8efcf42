import { readFile } from "node:fs/promises";
import { BerthError, errorText } from "../../shared/domain/index.ts";

/**
 * A small file that the user named, as text; `what` it is stands in the error: "the key team.pub".
 * @throws BerthError invalid_request when it cannot be read
 */
export async function readText(path: string, what = path): Promise<string> {
  return readFile(path, "utf8").catch((cause: unknown) => {
    throw new BerthError("invalid_request", `cannot read ${what}: ${errorText(cause)}`, { cause });
  });
}
