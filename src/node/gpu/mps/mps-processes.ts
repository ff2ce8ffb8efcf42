import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const NOT_OURS = ["ENOENT", "ESRCH", "EACCES", "EPERM"];

/**
 * Processes that were started for this pipe folder: the control daemon and the servers it forks. Found by their environment
 * and not by a record of theirs, so that an agent that was killed between the start and the record leaves nothing unknown.
 * Clients in containers see the folder under another name.
 */
export async function mpsProcesses(pipeFolder: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const wanted = `CUDA_MPS_PIPE_DIRECTORY=${pipeFolder}`;
  const found = await Promise.all(pids.map(async (pid) => ((await environmentOf(pid)).includes(wanted) ? Number(pid) : null)));
  return found.filter((pid) => pid !== null);
}

/** [] of one that has ended meanwhile, or that this agent may not look into: its own children it may. */
async function environmentOf(pid: string): Promise<string[]> {
  const text = await readFile(join("/proc", pid, "environ"), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (!NOT_OURS.includes(error.code ?? "")) throw error;
    return "";
  });
  return text.split("\0");
}
