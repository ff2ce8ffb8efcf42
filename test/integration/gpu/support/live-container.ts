import { spawn } from "node:child_process";
import { once } from "node:events";
import { exec, type Finished } from "./exec.ts";

/** A container that lives until it is ended; commands run in it through the runtime's exec. */
export interface LiveContainer {
  exec(...command: string[]): Promise<Finished>;
  end(): Promise<void>;
}

/** `prefix` is put before every call of runc, for a view of another cgroup layout; the bundle's process must say "ready" and read stdin. */
export async function startLive(prefix: string[], runcRoot: string, bundle: string, id: string): Promise<LiveContainer> {
  const runc = [...prefix, "runc", "--root", runcRoot];
  const run = [...runc, "run", "--bundle", bundle, id];
  const child = spawn(run[0] ?? "", run.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
  await Promise.race([
    once(child.stdout, "data"),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`runc run: exit ${code}`))),
  ]);
  return {
    exec: (...command) => exec(runc[0] ?? "", [...runc.slice(1), "exec", id, ...command]),
    end: async () => {
      const ended = once(child, "exit");
      child.stdin.end();
      await ended;
    },
  };
}
