import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { exec, type Finished } from "./exec.ts";

/** Mounts and processes of their own: what is started in it ends with it, and it leaves no mount behind. */
export interface PrivateMachine {
  run(program: string, ...args: string[]): Promise<Finished>;
  /** Goes on until `close`; output goes to the file `log`. */
  start(log: string, program: string, ...args: string[]): ChildProcess;
  close(): Promise<void>;
}

const ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

/** `script` lays the mounts as shell text with `args` as $1 and so on, and ends by printing "ready" and reading its input until it ends. */
export async function openPrivateMachine(script: string, args: readonly string[]): Promise<PrivateMachine> {
  const namespaces = ["-m", "--propagation", "private", "-p", "--fork", "--kill-child"];
  const holder = spawn("unshare", [...namespaces, "sh", "-c", script, "sh", ...args], {
    stdio: ["pipe", "pipe", "inherit"],
    env: ENVIRONMENT,
  });
  const failed = once(holder, "exit").then(([code]) => Promise.reject(new Error(`no machine of its own: exit ${code}`)));
  await Promise.race([once(holder.stdout, "data"), failed]);
  failed.catch(() => undefined);
  const first = (await readFile(`/proc/${holder.pid}/task/${holder.pid}/children`, "utf8")).trim();
  const enter = ["-t", first, "-m", "-p", "--"];
  return {
    run: (program, ...more) => exec("nsenter", [...enter, program, ...more]),
    start: (log, program, ...more) =>
      spawn("sh", ["-c", 'log=$1; shift; exec nsenter "$@" >"$log" 2>&1', "sh", log, ...enter, program, ...more], {
        stdio: "ignore",
        env: ENVIRONMENT,
      }),
    // With the first process of a PID namespace all of them end, and with the last one the mounts.
    close: async () => {
      const ended = once(holder, "exit");
      holder.stdin.end();
      await ended;
    },
  };
}
