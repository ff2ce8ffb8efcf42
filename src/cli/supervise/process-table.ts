import { readFile } from "node:fs/promises";
import { identifyProcess } from "../../node/platform/index.ts";

/** One living process; pid and start time together are unique within a boot. */
export interface ProcessEntry {
  pid: number;
  /** Field 22 of /proc/PID/stat. */
  startTicks: string;
  /** Arguments joined by blanks. */
  commandLine: string;
}

/** Null when there is no such process, or it is a zombie. */
export async function readProcess(pid: number): Promise<ProcessEntry | null> {
  const identity = await identifyProcess(pid);
  if (identity === null) return null;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ESRCH") return "";
    throw error;
  });
  return { pid, startTicks: identity.startTimeTicks, commandLine: commandLine.replaceAll("\0", " ").trim() };
}
