import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";

/** A system call that a thread of the process makes: its name, the how-many-th of that name in its thread, and strace's line. */
export interface Call {
  name: string;
  when: number;
  line: string;
  injected: boolean;
}

/** Everything that changes files, names or mounts, or gets a descriptor. */
export const MUTATING = [
  ...["openat", "openat2", "write", "pwrite64", "writev", "ftruncate", "fallocate", "copy_file_range", "sendfile"],
  ...["fsync", "fdatasync", "syncfs", "sync_file_range"],
  ...["rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "mkdir", "mkdirat", "mknod", "mknodat"],
  ...["unlink", "unlinkat", "rmdir", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "utimensat", "truncate"],
  ...["setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"],
  ...["mount", "umount2", "fsopen", "fsconfig", "fsmount", "move_mount", "open_tree", "mount_setattr"],
];

export interface Trace {
  /** Lets go of the process and reads what it did. */
  end(): Promise<Call[]>;
}

/**
 * Attaches strace to all threads of a process, and to the programs it starts from now on.
 * @param inject as strace's option: "fsync:error=EIO:when=3"; null only watches
 */
export async function trace(pid: number, log: string, inject: string | null): Promise<Trace> {
  const injection = inject === null ? [] : ["-e", `inject=${inject}`];
  const args = [
    "-f",
    "-y",
    "-s",
    "64",
    "-o",
    log,
    "-e",
    `trace=${MUTATING.join(",")}`,
    "-e",
    "signal=none",
    ...injection,
    "-p",
    String(pid),
  ];
  const child = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  const exit = once(child, "exit");
  await attached(child.stderr);
  return {
    async end() {
      child.kill("SIGINT");
      await exit;
      return parseCalls(await readFile(log, "utf8"));
    },
  };
}

async function attached(stderr: Readable): Promise<void> {
  let said = "";
  for await (const chunk of stderr.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    said += chunk.toString();
    if (/attached/.test(said)) return void stderr.resume();
    if (/ptrace\(|Operation not permitted/.test(said)) break;
  }
  throw new Error(`strace cannot attach: ${said}`);
}

/** Lines of `strace -f -o`: "PID name(arguments) = result"; a call that another thread interrupts goes on in a later line. */
export function parseCalls(log: string): Call[] {
  const counts = new Map<string, number>();
  const calls: Call[] = [];
  const unfinished = new Map<string, Call>();
  for (const line of log.split("\n")) {
    const [, thread = "", name] = /^(\d+) +([a-z0-9_]+)\(/.exec(line) ?? [];
    const [, resumed] = /^(\d+) +<\.\.\. [a-z0-9_]+ resumed>/.exec(line) ?? [];
    if (resumed !== undefined && line.includes("(INJECTED)")) Object.assign(unfinished.get(resumed) ?? {}, { injected: true });
    if (name === undefined) continue;
    const when = (counts.get(`${thread} ${name}`) ?? 0) + 1;
    counts.set(`${thread} ${name}`, when);
    const call = { name, when, line, injected: line.includes("(INJECTED)") };
    unfinished.set(thread, call);
    calls.push(call);
  }
  return calls;
}
