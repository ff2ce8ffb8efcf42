import type { MonitoredContainer } from "../runtime/index.ts";
import { containerPaths, type EnginePaths } from "./paths.ts";

/** The container as its monitor knows it. */
export function monitored(paths: EnginePaths, id: string): MonitoredContainer {
  const { bundle, monitor, log } = containerPaths(paths, id);
  return { id, bundle, stateDir: monitor, logFile: log };
}

/** Its cgroup, below the cgroup root. */
export function cgroupOf(paths: EnginePaths, id: string): string {
  return `${paths.cgroup}/${id}`;
}
