import { readFile } from "node:fs/promises";

/** A process for good: a pid alone is used again after its end. */
export interface ProcessIdentity {
  pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot, decimal. */
  startTimeTicks: string;
}

/** Null when there is no such process, or only its remains (a zombie nobody has waited for). */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | null> {
  try {
    const { state, startTimeTicks } = parseProcessStat(await readFile(`/proc/${pid}/stat`, "utf8"));
    return state === "Z" || state === "X" ? null : { pid, startTimeTicks };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return null;
    throw error;
  }
}

/** False once the process has ended, whoever has its pid now. */
export async function isProcessAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await identifyProcess(identity.pid);
  return now !== null && now.startTimeTicks === identity.startTimeTicks;
}

/** proc(5). The command name may hold blanks and parentheses, so fields count from the last ')'. */
export function parseProcessStat(stat: string): { state: string; startTimeTicks: string } {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", startTimeTicks: fields[19] ?? "" };
}
