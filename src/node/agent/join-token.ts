import { readFile } from "node:fs/promises";
import { BerthError } from "../../shared/domain/index.ts";

export interface JoinTokenSources {
  token: string | null;
  tokenFile: string | null;
  env: Readonly<Record<string, string | undefined>>;
}

/**
 * The join token from its first source: option, file, BERTH_JOIN_TOKEN. Null when there is none.
 * A command line is readable by every user of the machine, so file and environment are the better places.
 * @throws BerthError missing_requirement when the file cannot be read or is empty
 */
export async function readJoinToken(sources: JoinTokenSources): Promise<string | null> {
  if (sources.token) return sources.token;
  if (sources.tokenFile !== null) return readTokenFile(sources.tokenFile);
  return sources.env["BERTH_JOIN_TOKEN"]?.trim() || null;
}

async function readTokenFile(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new BerthError("missing_requirement", `the token file ${path} cannot be read`, { cause: error });
  });
  const token = text.trim();
  if (token === "") throw new BerthError("missing_requirement", `the token file ${path} is empty`);
  return token;
}
