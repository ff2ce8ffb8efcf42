import { type ChildProcess, execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Ends a peer's daemon and takes away all it had below `folder`. */
export async function stopDaemon(daemon: ChildProcess, folder: string): Promise<void> {
  const ended = new Promise((resolve) => daemon.once("exit", resolve));
  daemon.kill("SIGTERM");
  await ended;
  await removeFolder(folder);
}

/** Removes a folder with what a peer left mounted in it. */
export async function removeFolder(folder: string): Promise<void> {
  await run("sh", ["-c", 'grep -o " $1[^ ]*" /proc/self/mounts | sort -r | xargs -r umount -l', "sh", folder]);
  await run("rm", ["-rf", folder]);
}
