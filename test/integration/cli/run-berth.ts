import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const BERTH = fileURLToPath(new URL("../../../bin/berth.mjs", import.meta.url));

export interface BerthProcess {
  child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** The exit code; null when a signal ended it. */
  code: Promise<number | null>;
}

/** The built command line as a process of its own, with nothing of the tester's environment. */
export function runBerth(args: readonly string[], env: Record<string, string> = {}): BerthProcess {
  const child = spawn(process.execPath, [BERTH, ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const text = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text.stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (text.stderr += chunk));
  const code = new Promise<number | null>((resolve) => child.once("close", (exitCode) => resolve(exitCode)));
  return { child, stdout: () => text.stdout, stderr: () => text.stderr, code };
}
