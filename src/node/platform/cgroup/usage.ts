import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CgroupLayout, controllerFolder } from "./layout.ts";

export interface CgroupUsage {
  /** CPU time, seconds. */
  cpuSeconds: number;
  /** Highest memory, bytes; null where the kernel does not say (v2 before Linux 5.19). */
  peakMemoryBytes: number | null;
  /** Memory now, bytes. */
  memoryBytes: number;
  /** Processes the kernel killed because the memory limit was reached. */
  oomKills: number;
}

/** Null when the cgroup is gone. */
export async function readCgroupUsage(layout: CgroupLayout, cgroupsPath: string): Promise<CgroupUsage | null> {
  const read = (controller: string, file: string) => readControl(layout, controller, cgroupsPath, file);
  return layout.mode === "v2" ? readUnified(read) : readLegacy(read);
}

type Read = (controller: string, file: string) => Promise<string | null>;

async function readUnified(read: Read): Promise<CgroupUsage | null> {
  const [cpu, current, peak, events] = await Promise.all([
    read("cpu", "cpu.stat"),
    read("memory", "memory.current"),
    read("memory", "memory.peak"),
    read("memory", "memory.events"),
  ]);
  if (cpu === null) return null;
  return {
    cpuSeconds: (keyedNumber(cpu, "usage_usec") ?? 0) / 1e6,
    peakMemoryBytes: peak === null ? null : Number(peak),
    memoryBytes: Number(current ?? 0),
    oomKills: keyedNumber(events ?? "", "oom_kill") ?? 0,
  };
}

async function readLegacy(read: Read): Promise<CgroupUsage | null> {
  const [cpu, current, peak, oom] = await Promise.all([
    read("cpuacct", "cpuacct.usage"),
    read("memory", "memory.usage_in_bytes"),
    read("memory", "memory.max_usage_in_bytes"),
    read("memory", "memory.oom_control"),
  ]);
  if (cpu === null && current === null) return null;
  return {
    cpuSeconds: Number(cpu ?? 0) / 1e9,
    peakMemoryBytes: peak === null ? null : Number(peak),
    memoryBytes: Number(current ?? 0),
    oomKills: keyedNumber(oom ?? "", "oom_kill") ?? 0,
  };
}

/** The number after `key` in a flat keyed file ("key value" lines); null when the kernel does not write it. */
export function keyedNumber(text: string, key: string): number | null {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${key} `));
  return line === undefined ? null : Number(line.slice(key.length + 1));
}

/** Null when the cgroup, the controller or the file is not there. ENODEV: removed between open and read. */
async function readControl(layout: CgroupLayout, controller: string, cgroupsPath: string, file: string): Promise<string | null> {
  const folder = controllerFolder(layout, controller, cgroupsPath);
  if (folder === null) return null;
  try {
    return (await readFile(join(folder, file), "utf8")).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENODEV") return null;
    throw error;
  }
}
