import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { mountsBelow, readMounts } from "../../src/node/platform/index.ts";
import { until } from "./poll.ts";
import { isOfDeadProcess } from "./process-marker.ts";
import { descendants, isAlive, killIfAlive, processes } from "./processes.ts";

const run = promisify(execFile);

/** Folders of test runs: RUN_PREFIX-PID-START in the temporary folder. Short: sockets lie below it, and podman takes 50 characters. */
export const RUN_PREFIX = "bth";
const NETWORK_NAMESPACES = "/run/netns";

/**
 * Takes away what test runs that were killed left: their processes, mounts, folders in `base` and network namespaces. Theirs is what
 * bears the pid and start time of a process that is gone; nothing else is touched. Returns the names of what was taken.
 */
export async function sweepLeftovers(base: string): Promise<string[]> {
  const taken: string[] = [];
  for (const name of await readdir(base)) {
    if (!(await isOfDeadProcess(name, RUN_PREFIX)) || !(await isOwnFolder(join(base, name)))) continue;
    await removeRunFolder(join(base, name));
    taken.push(name);
  }
  for (const name of (await readdir(NETWORK_NAMESPACES).catch(noneIfMissing)) ?? []) {
    if (!(await isOfDeadProcess(name, RUN_PREFIX))) continue;
    await run("ip", ["netns", "del", name]).catch((error: Error) => ignoreIfGone(join(NETWORK_NAMESPACES, name), error));
    taken.push(name);
  }
  return taken;
}

/** Ends what still runs for a test run, unmounts what lies in its folder, then removes the folder. */
export async function removeRunFolder(folder: string): Promise<void> {
  const left = await orphansOf(folder);
  for (const pid of left) killIfAlive(pid);
  await until(`processes of ${folder} to be gone`, 60, () => !left.some(isAlive));
  for (const { mountPoint } of mountsBelow(await readMounts(), folder))
    await run("umount", ["--lazy", mountPoint]).catch(leftToTheCheckBelow);
  const still = mountsBelow(await readMounts(), folder);
  // Removing through a mount would remove what is mounted.
  if (still.length > 0) throw new Error(`still mounted: ${still.map(({ mountPoint }) => mountPoint).join(", ")}`);
  await run("rm", ["-rf", "--one-file-system", folder]);
}

/** What the run started and init inherited, and all below it. A person's shell or pager that looks into the folder is nobody's orphan. */
async function orphansOf(folder: string): Promise<number[]> {
  const orphans = processes().filter(({ parent }) => parent === 1);
  const named = await Promise.all(
    orphans.map(async (entry) => entry.commandLine.includes(`${folder}/`) || (await isInEnvironment(entry.pid, folder))),
  );
  const roots = orphans.filter((_entry, index) => named[index]).map(({ pid }) => pid);
  return [...new Set(roots.flatMap((pid) => [pid, ...descendants(pid).map((below) => below.pid)]))];
}

async function isInEnvironment(pid: number, folder: string): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => ""); // ended, or another user's
  return environment.split("\0").includes(`TMPDIR=${folder}`);
}

async function isOwnFolder(path: string): Promise<boolean> {
  const found = await lstat(path).catch(noneIfMissing);
  return found?.isDirectory() === true && found.uid === process.getuid?.();
}

/** Another run that begins at the same time may have been first. */
function leftToTheCheckBelow(): void {}

function ignoreIfGone(path: string, error: Error): void {
  if (existsSync(path)) throw error;
}

function noneIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}
