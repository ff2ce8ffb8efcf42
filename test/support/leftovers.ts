import { existsSync, readdirSync } from "node:fs";
import { enginePaths } from "../../src/node/engine/paths.ts";
import { readCgroupLayout, readMounts } from "../../src/node/platform/index.ts";
import { processes, runs } from "./processes.ts";

/** Everything on this machine that belongs to one engine's containers: empty after they are gone. */
export async function leftovers(dataDir: string, runDir: string): Promise<string[]> {
  const paths = enginePaths(dataDir, runDir);
  const layout = await readCgroupLayout();
  const cgroupRoots = [...Object.values(layout.controllers), ...(layout.unified === null ? [] : [layout.unified])];
  const mounts = (await readMounts()).filter(({ mountPoint }) => mountPoint.startsWith(dataDir) || mountPoint.startsWith(runDir));
  const containerProcesses = processes().filter(
    (entry) => ["conmon", "crun", "runc"].some((program) => runs(entry, program)) && entry.commandLine.includes(dataDir),
  );
  return [
    ...mounts.map(({ mountPoint }) => `mount ${mountPoint}`),
    ...[...new Set(cgroupRoots)].flatMap((root) => foldersIn(`${root}${paths.cgroup}`)).map((path) => `cgroup ${path}`),
    ...foldersIn(paths.containers).map((path) => `container ${path}`),
    ...entriesIn(paths.netns).map((path) => `netns ${path}`),
    ...entriesIn(paths.leases).map((path) => `lease ${path}`),
    ...entriesIn(paths.exits).map((path) => `exit code ${path}`),
    ...["crun", "runc"].flatMap((name) => foldersIn(`${paths.runtimeState}/${name}`)).map((path) => `runtime state ${path}`),
    ...containerProcesses.map(({ pid, commandLine }) => `process ${pid} ${commandLine}`),
    ...readdirSync("/sys/class/net")
      .filter((name) => name === `berth-${paths.instance.slice(0, 8)}`)
      .map((name) => `bridge ${name}`),
  ];
}

function entriesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => `${folder}/${name}`) : [];
}

function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${folder}/${name}`);
}
