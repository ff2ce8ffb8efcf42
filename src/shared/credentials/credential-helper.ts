import { spawn } from "node:child_process";
import { BerthError, errorText } from "../domain/index.ts";
import type { Credential } from "./credential.ts";

const HELPER_MS = 30_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
/** What helpers print for an unknown registry (docker-credential-helpers, credentials/error.go). */
const NOT_FOUND = /credentials not found/i;
/** The user name that marks an identity token. */
const TOKEN_USER = "<token>";

type Environment = Readonly<Record<string, string | undefined>>;

/** Asks docker-credential-<helper> for a registry's credentials; null when it has none. @throws BerthError invalid_request */
export async function askHelper(helper: string, key: string, env: Environment): Promise<Credential | null> {
  const { code, stdout } = await runHelper(helper, "get", key, env);
  if (code !== 0 && NOT_FOUND.test(stdout)) return null;
  if (code !== 0) throw failed(helper, `ends with status ${code}`);
  const { Username, Secret } = parse(helper, stdout);
  if (typeof Username !== "string" || typeof Secret !== "string") throw failed(helper, "gives no credentials");
  return Username === TOKEN_USER ? { kind: "identity-token", token: Secret } : { kind: "password", username: Username, password: Secret };
}

/** Hands credentials to docker-credential-<helper> by its stdin, or has them removed. @throws BerthError invalid_request */
export async function tellHelper(helper: string, key: string, credential: Credential | null, env: Environment): Promise<void> {
  const { code, stdout } =
    credential === null ? await runHelper(helper, "erase", key, env) : await runHelper(helper, "store", storeInput(key, credential), env);
  const gone = credential === null && NOT_FOUND.test(stdout);
  if (code !== 0 && !gone) throw failed(helper, `ends with status ${code}`);
}

function storeInput(key: string, credential: Credential): string {
  const [Username, Secret] = credential.kind === "password" ? [credential.username, credential.password] : [TOKEN_USER, credential.token];
  return JSON.stringify({ ServerURL: key, Username, Secret });
}

function parse(helper: string, stdout: string): { Username?: unknown; Secret?: unknown } {
  try {
    return (JSON.parse(stdout) ?? {}) as { Username?: unknown };
  } catch {
    // What it printed may be a secret: it is not repeated.
    throw failed(helper, "does not answer in JSON");
  }
}

async function runHelper(helper: string, verb: string, input: string, env: Environment): Promise<{ code: number | null; stdout: string }> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(helper)) throw failed(helper, "is no name of a program");
  const child = spawn(`docker-credential-${helper}`, [verb], { stdio: ["pipe", "pipe", "ignore"], env: { ...env }, timeout: HELPER_MS });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (stdout.length < MAX_OUTPUT_BYTES) stdout += text;
  });
  // One that does not read its input ends with a status that tells.
  child.stdin.on("error", () => undefined).end(input);
  const code = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve)).catch(
    (error: unknown) => {
      throw failed(helper, `cannot be run: ${errorText(error)}`);
    },
  );
  return { code, stdout };
}

function failed(helper: string, why: string): BerthError {
  return new BerthError("invalid_request", `the credential helper docker-credential-${helper.slice(0, 64)} ${why}`, {
    details: { hint: "it is named in Docker's config.json, under credsStore or credHelpers" },
  });
}
