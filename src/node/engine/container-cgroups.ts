import { readdir } from "node:fs/promises";
import { BerthError, type Clock, errorText } from "../../shared/domain/index.ts";
import {
  type CgroupLayout,
  type CgroupUsage,
  cgroupFolders,
  exists,
  killCgroup,
  listCgroupPids,
  type Native,
  readCgroupUsage,
  removeCgroup,
} from "../platform/index.ts";

const REMOVE_TIMEOUT_MS = 5_000;

/** The cgroups of one engine's containers, in whatever hierarchies this machine has. Paths are below the cgroup root. */
export interface ContainerCgroups {
  readonly layout: CgroupLayout;
  /** The kernel accounts swap, so a limit on memory and swap together can be set. */
  readonly swapAccounting: boolean;
  /** Absolute, in every hierarchy. */
  folders(path: string): string[];
  /** @throws BerthError container_stuck when something is still there after `timeoutMs` */
  kill(path: string, timeoutMs: number): Promise<void>;
  /** Null when it is gone. */
  usage(path: string): Promise<CgroupUsage | null>;
  /** Missing is fine. */
  remove(path: string): Promise<void>;
  /** Names of the cgroups right below `path`. */
  list(path: string): Promise<string[]>;
}

/** Finds out once whether the kernel accounts swap; the rest is looked up at each call. */
export async function createContainerCgroups(
  layout: CgroupLayout,
  options: { native: Pick<Native, "signalProcess">; clock: Clock },
): Promise<ContainerCgroups> {
  return {
    layout,
    swapAccounting: await accountsSwap(layout),
    folders: (path) => cgroupFolders(layout, path),
    async kill(path, timeoutMs) {
      await killCgroup(layout, path, { ...options, timeoutMs }).catch(async (error: unknown) => {
        const left = await listCgroupPids(layout, path);
        if (left.length === 0) throw error;
        throw new BerthError("container_stuck", errorText(error), { cause: error });
      });
    },
    usage: (path) => readCgroupUsage(layout, path),
    remove: (path) => removeCgroup(layout, path, { clock: options.clock, timeoutMs: REMOVE_TIMEOUT_MS }),
    async list(path) {
      const names = await Promise.all(cgroupFolders(layout, path).map(foldersIn));
      return [...new Set(names.flat())];
    },
  };
}

/** v1 shows the file only with swap accounting; v2 always has it (below the root). */
async function accountsSwap(layout: CgroupLayout): Promise<boolean> {
  if (layout.mode === "v2") return true;
  const { memory } = layout.controllers;
  if (memory === undefined) return false;
  return exists(`${memory}/memory.memsw.limit_in_bytes`);
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
