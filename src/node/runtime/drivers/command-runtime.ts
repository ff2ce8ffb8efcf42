import { readdir } from "node:fs/promises";
import { BerthError, errorText } from "../../../shared/domain/index.ts";
import { runProgram } from "../../platform/index.ts";
import type { OciRuntime } from "../oci-runtime.ts";

/** A process in uninterruptible sleep makes a runtime wait for ever: each call is bounded. */
const CALL_TIMEOUT_MS = 20_000;

export interface CommandRuntimeOptions {
  name: OciRuntime["name"];
  version: string;
  /** The program, or the launcher and then the program. */
  program: readonly [string, ...string[]];
  /** Where the runtime keeps its state: one folder for each container. */
  stateDir: string;
}

/** runc and crun speak the same command line; only the way to start them differs. */
export function commandRuntime(options: CommandRuntimeOptions): OciRuntime {
  const command: [string, ...string[]] = [...options.program, "--root", options.stateDir];
  const call = (args: string[]) => runProgram(command[0], [...command.slice(1), ...args], { timeoutMs: CALL_TIMEOUT_MS });

  return {
    name: options.name,
    version: options.version,
    command,
    async start(id) {
      const result = await call(["start", id]);
      if (result.code !== 0) throw new BerthError("container_start_failed", `${options.name} start ${id}: ${lastLine(result.stderr)}`);
    },
    async delete(id) {
      const result = await call(["delete", "--force", id]);
      if (result.code !== 0 && !isMissing(result.stderr)) {
        throw new BerthError("internal", `${options.name} delete ${id}: ${lastLine(result.stderr)}`);
      }
    },
    async status(id) {
      const result = await call(["state", id]);
      return result.code === 0 ? statusIn(result.stdout, options.name) : null;
    },
    async list() {
      return readdir(options.stateDir).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return [];
        throw error;
      });
    },
  };
}

function statusIn(stdout: string, name: string): string {
  try {
    return String((JSON.parse(stdout) as { status?: unknown }).status);
  } catch (error) {
    throw new BerthError("internal", `${name} state did not answer JSON: ${errorText(error)}`);
  }
}

function isMissing(stderr: string): boolean {
  return /does not exist|no such file or directory|not found/i.test(stderr);
}

/** Runtimes print warnings first and the reason last. */
export function lastLine(stderr: string): string {
  const lines = stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return lines.at(-1) ?? "no message";
}
