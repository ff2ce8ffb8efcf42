import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../../shared/domain/index.ts";
import { type NativeNvml, readTextIfThere, writeFileDurably } from "../../platform/index.ts";
import { listMigRights, type MigRight } from "../driver-files/list-mig.ts";
import { readDriverRoot } from "../driver-files/read-driver-root.ts";
import { viewRoot } from "../driver-files/root-view.ts";
import { selectDriverFiles } from "../driver-files/select-driver-files.ts";
import { createGpuHost } from "../gpu-host.ts";
import { namesBelow } from "../inventory/driver-fingerprint.ts";
import { type HostState, hostState } from "./host-state.ts";

const PLAN_LIFE_MS = 3_600_000;

export interface HostStateOptions {
  native: { nvml: NativeNvml };
  clock: Clock;
  driverRoot: string;
  simulated: boolean;
  /** "/run/berth/gpu-host-state.json" */
  path: string;
}

/**
 * Looks at the machine and writes its host state, whole or not at all. The same state leaves the file as it is: its
 * modification time names the plans made from it. Plans of older states are dropped an hour later.
 */
export async function writeHostState(options: HostStateOptions): Promise<HostState> {
  const state = await lookAtHost(options);
  const text = `${JSON.stringify(state)}\n`;
  await mkdir(dirname(options.path), { recursive: true, mode: 0o700 });
  if ((await readTextIfThere(options.path)) !== text) await writeFileDurably(options.path, text, { mode: 0o644 });
  await dropOldPlans(join(dirname(options.path), "gpu-plans"), options);
  return state;
}

async function lookAtHost(options: HostStateOptions): Promise<HostState> {
  const host = await createGpuHost(options);
  const driver = await loadedDriver(options.driverRoot);
  // Taken first: what changes during the look makes the state stale at once.
  const folders = await Promise.all(["gpus", "capabilities"].map((name) => folderNow(join(dirname(driver.file), name))));
  const [inventory, listing, migRights] = await Promise.all([
    host.inventory(),
    readDriverRoot(options.driverRoot),
    migRightsOf(options.driverRoot),
  ]);
  return hostState({
    ...{ inventory, driver, folders, migRights },
    driverFilesFor: (capability) => selectDriverFiles(listing, [capability], inventory.driverVersion),
  });
}

async function loadedDriver(driverRoot: string): Promise<HostState["driver"]> {
  const inRoot = join(driverRoot, "proc/driver/nvidia/version");
  const text = await readTextIfThere(inRoot);
  if (text !== null) return { file: inRoot, text };
  const file = "/proc/driver/nvidia/version";
  return { file, text: (await readTextIfThere(file)) ?? "" };
}

async function folderNow(path: string): Promise<HostState["folders"][number]> {
  return { path, names: await namesBelow(path) };
}

async function migRightsOf(driverRoot: string): Promise<HostState["migRights"]> {
  const { config, monitor } = await listMigRights(viewRoot(driverRoot));
  return { config: rightOf(config), monitor: rightOf(monitor) };
}

function rightOf(right: MigRight | null): HostState["migRights"]["config"] {
  if (right === null) return null;
  const { procFile: procShown, node } = right;
  if (node === null) return { deviceNode: null, procShown };
  const { name, ...rest } = node;
  return { deviceNode: { path: `/dev/${name}`, ...rest }, procShown };
}

async function dropOldPlans(folder: string, { clock }: HostStateOptions): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const path = join(folder, name);
    if ((await stat(path)).mtimeMs < clock.now() - PLAN_LIFE_MS) await rm(path, { force: true });
  }
}
