import { readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, type Clock } from "../../../shared/domain/index.ts";
import type { Native } from "../native.ts";
import { identifyProcess } from "../process/identity.ts";
import { type CgroupLayout, cgroupFolders } from "./layout.ts";

const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 50;
const SIGKILL = 9;

/** Pids in the cgroup and below it, in any hierarchy; empty when it is gone. */
export async function listCgroupPids(layout: CgroupLayout, cgroupsPath: string): Promise<number[]> {
  const perFolder = await Promise.all(cgroupFolders(layout, cgroupsPath).map(pidsBelow));
  return [...new Set(perFolder.flat())];
}

/**
 * Kills every process in the cgroup and below it and waits until none is left.
 * @throws BerthError internal when some are still there after `timeoutMs` (uninterruptible sleep)
 */
export async function killCgroup(
  layout: CgroupLayout,
  cgroupsPath: string,
  options: { native: Pick<Native, "signalProcess">; clock: Clock; timeoutMs: number },
): Promise<void> {
  await killOnceByKernel(layout, cgroupsPath);
  const deadline = options.clock.monotonic() + options.timeoutMs;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    const pids = await listCgroupPids(layout, cgroupsPath);
    if (pids.length === 0) return;
    if (options.clock.monotonic() > deadline) {
      throw new BerthError("internal", `processes ${pids.slice(0, 5).join(", ")} of cgroup ${cgroupsPath} do not die`);
    }
    await killListed(options.native, pids, () => listCgroupPids(layout, cgroupsPath));
    await thaw(layout, cgroupsPath);
    await options.clock.sleep(wait);
  }
}

/**
 * Removes the cgroup and what is below it from every hierarchy; missing is fine.
 * @throws BerthError internal when one stays busy for `timeoutMs`: kill its processes first
 */
export async function removeCgroup(layout: CgroupLayout, cgroupsPath: string, options: { clock: Clock; timeoutMs: number }): Promise<void> {
  const deadline = options.clock.monotonic() + options.timeoutMs;
  for (const folder of cgroupFolders(layout, cgroupsPath)) {
    // A v1 hierarchy lets go of a dead process a moment after the others.
    while (!(await removeTree(folder))) {
      if (options.clock.monotonic() > deadline) throw new BerthError("internal", `cgroup ${folder} is busy`);
      await options.clock.sleep(LONGEST_WAIT_MS);
    }
  }
}

/** cgroup.kill (v2, Linux 5.14) ends a whole tree at once, forks included. */
async function killOnceByKernel(layout: CgroupLayout, cgroupsPath: string): Promise<void> {
  if (layout.mode === "v2") await writeControl(join(`${layout.unified}${cgroupsPath}`, "cgroup.kill"), "1");
}

async function thaw(layout: CgroupLayout, cgroupsPath: string): Promise<void> {
  const { freezer } = layout.controllers;
  if (freezer !== undefined) await writeControl(join(`${freezer}${cgroupsPath}`, "freezer.state"), "THAWED");
}

/**
 * By identity, taken between two looks at the list: a pid that somebody else got before is not in the second, one that
 * somebody gets later has another start time.
 */
async function killListed(native: Pick<Native, "signalProcess">, pids: number[], list: () => Promise<number[]>): Promise<void> {
  const identities = await Promise.all(pids.map(identifyProcess));
  const still = new Set(await list());
  for (const identity of identities) {
    if (identity !== null && still.has(identity.pid)) native.signalProcess(identity.pid, identity.startTimeTicks, SIGKILL);
  }
}

/** "r+" creates nothing; an absent control file or cgroup has nothing to be told. */
async function writeControl(path: string, text: string): Promise<void> {
  await ignoreGone(writeFile(path, text, { flag: "r+" }));
}

async function pidsBelow(folder: string): Promise<number[]> {
  const text = (await ignoreGone(readFile(join(folder, "cgroup.procs"), "utf8"))) ?? "";
  // 0 is a process of another pid namespace.
  const own = text
    .split("\n")
    .map(Number)
    .filter((pid) => pid > 1);
  const below = await Promise.all((await foldersIn(folder)).map(pidsBelow));
  return [...own, ...below.flat()];
}

/** False when a cgroup in it is busy. */
async function removeTree(folder: string): Promise<boolean> {
  for (const child of await foldersIn(folder)) {
    if (!(await removeTree(child))) return false;
  }
  try {
    await ignoreGone(rmdir(folder));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EBUSY") return false;
    throw error;
  }
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = (await ignoreGone(readdir(folder, { withFileTypes: true }))) ?? [];
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
}

async function ignoreGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENODEV") return undefined;
    throw error;
  }
}
