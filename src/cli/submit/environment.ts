import { readFile } from "node:fs/promises";
import { BerthError, errorText } from "../../shared/domain/index.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The environment of -e and --env-file, later ones winning and -e over files. A name without "=" takes the value
 * of the caller's environment and is left out where it has none, as in Docker.
 * @throws BerthError invalid_request
 */
export async function mergeEnvironment(
  assignments: readonly string[],
  files: readonly string[],
  own: Env,
): Promise<Record<string, string>> {
  const lines = (await Promise.all(files.map(readEnvFile))).flat();
  const pairs = [...lines, ...assignments].map((text) => assignment(text, own)).filter((pair) => pair !== null);
  return Object.fromEntries(pairs);
}

async function readEnvFile(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new BerthError("invalid_request", `cannot read the environment file ${path}: ${errorText(cause)}`, {
      cause,
      field: "--env-file",
    });
  });
  return parseEnvFile(text);
}

/** Lines of an environment file without comments and blank ones; values are taken literally, as Docker does. */
export function parseEnvFile(text: string): string[] {
  return text
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function assignment(text: string, own: Env): [string, string] | null {
  const split = text.indexOf("=");
  const name = split < 0 ? text : text.slice(0, split);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new BerthError("invalid_request", `${JSON.stringify(name)} is not a name of an environment variable`, { field: "--env" });
  }
  if (split >= 0) return [name, text.slice(split + 1)];
  const value = own[name];
  return value === undefined ? null : [name, value];
}
