import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BerthError } from "../domain/index.ts";

const LONGEST_MS = 20_000;
const MOST_OUTPUT = 256 * 1024;

/** Runs the program `openssl`. Keys reach it as files, never by its command line. */
export interface Openssl {
  /** Writes a file (0600) into a folder that is gone afterwards; its path. */
  file(name: string, text: string): Promise<string>;
  /** What it printed. @throws BerthError missing_requirement without the program, invalid_request with its last words */
  run(...args: string[]): Promise<string>;
}

/** `scratch` is a private folder of the caller; made when missing. */
export async function withOpenssl<T>(scratch: string, work: (openssl: Openssl) => Promise<T>): Promise<T> {
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(scratch, "run-"));
  try {
    return await work({
      async file(name, text) {
        const path = join(folder, name);
        await writeFile(path, text, { mode: 0o600 });
        return path;
      },
      run: (...args) => execute(args, folder),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function execute(args: string[], cwd: string): Promise<string> {
  // The machine's own openssl.cnf decides nothing here: another config would make other certificates.
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", OPENSSL_CONF: "/dev/null", LC_ALL: "C" };
  return new Promise((resolve, reject) => {
    execFile("openssl", args, { cwd, env, timeout: LONGEST_MS, maxBuffer: MOST_OUTPUT }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      if (error.code === "ENOENT") return reject(missing(error));
      const words = stderr.trim().split("\n").slice(-3).join("; ").slice(0, 500);
      reject(new BerthError("invalid_request", `openssl ${args[0]} failed: ${words}`, { cause: error }));
    });
  });
}

function missing(cause: unknown): BerthError {
  return new BerthError("missing_requirement", "certificates are made with the program openssl, which is not installed", {
    cause,
    details: { hint: "install the package openssl" },
  });
}
