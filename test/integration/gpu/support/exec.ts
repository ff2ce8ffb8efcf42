import { spawn } from "node:child_process";

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end with an explicit environment; never throws for its exit code. 128+n for a signal is not invented: -1. */
export function exec(
  file: string,
  args: string[],
  options: { input?: string; cwd?: string; env?: Record<string, string> } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: options.cwd, env: options.env ?? { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
    const finished = { code: -1, stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (finished.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (finished.stderr += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ ...finished, code: code ?? -1 }));
    child.stdin.on("error", () => {}); // a program that exits without reading its input
    child.stdin.end(options.input ?? "");
  });
}

export async function must(file: string, args: string[], options: Parameters<typeof exec>[2] = {}): Promise<string> {
  const finished = await exec(file, args, options);
  if (finished.code !== 0) throw new Error(`${file} ${args.join(" ")}: exit ${finished.code}\n${finished.stderr}`);
  return finished.stdout;
}
