import { readdirSync, readFileSync } from "node:fs";

export interface ProcessEntry {
  pid: number;
  parent: number;
  group: number;
  /** argv as the process shows it; [] of one that is being executed or is about to end. */
  args: string[];
  /** The arguments with a blank between them, for people. */
  commandLine: string;
}

/** Every process there is now, from /proc. */
export function processes(): ProcessEntry[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        if (fields[0] === "Z") return [];
        const args = readFileSync(`/proc/${name}/cmdline`, "utf8")
          .split("\0")
          .filter((arg) => arg !== "");
        return [{ pid: Number(name), parent: Number(fields[1]), group: Number(fields[2]), args, commandLine: args.join(" ") }];
      } catch {
        return []; // ended while we looked
      }
    });
}

/**
 * Whether the process is this program, and not one that only names it: a shell that started it, or a shell's child that has yet to
 * execute it. Redis puts its whole title in the first argument.
 */
export function runs({ args }: ProcessEntry, program: string): boolean {
  return new RegExp(`(^|/)${program}( |$)`).test(args[0] ?? "");
}

/** Whether it is `berth VERB`, or a child of such a one that has yet to execute its own program. */
export function runsBerth(entry: ProcessEntry, verb: string): boolean {
  const script = entry.args.findIndex((arg) => arg.endsWith("/bin/berth.mjs"));
  return runs(entry, "node") && script > 0 && entry.args[script + 1] === verb;
}

/** All processes below `pid`, nearest first. */
export function descendants(pid: number): ProcessEntry[] {
  const all = processes();
  const found: ProcessEntry[] = [];
  for (let parents = [pid]; parents.length > 0; ) {
    const children = all.filter(({ parent }) => parents.includes(parent));
    found.push(...children);
    parents = children.map((child) => child.pid);
  }
  return found;
}

export function isAlive(pid: number): boolean {
  return processes().some((entry) => entry.pid === pid);
}

/** kill -9; one that has ended meanwhile is what was wanted. */
export function killIfAlive(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
