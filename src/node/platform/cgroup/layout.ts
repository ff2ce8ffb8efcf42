import { BerthError } from "../../../shared/domain/index.ts";
import type { Mount } from "../host/mounts.ts";
import { readMounts } from "../host/mounts.ts";

/** Where this machine's cgroup hierarchies are mounted. */
export interface CgroupLayout {
  /** "hybrid": v1 controllers with a v2 tree beside them that has few or none. */
  mode: "v1" | "v2" | "hybrid";
  /** Mount point of the v2 tree. */
  unified: string | null;
  /** v1: controller ("memory", "cpuacct", "name=systemd") -> mount point. Empty on v2. */
  controllers: Record<string, string>;
}

/** Options of a cgroup v1 superblock that name no controller. */
const PLAIN_OPTIONS = new Set(["rw", "ro", "noprefix", "xattr", "clone_children", "cpuset_v2_mode", "favordynmods"]);

/** @throws BerthError missing_requirement when no cgroup file system is mounted */
export async function readCgroupLayout(): Promise<CgroupLayout> {
  return detectCgroupLayout(await readMounts());
}

/** @throws BerthError missing_requirement when no cgroup file system is mounted */
export function detectCgroupLayout(mounts: readonly Mount[]): CgroupLayout {
  const unified = mounts.find(({ fsType }) => fsType === "cgroup2")?.mountPoint ?? null;
  const controllers: Record<string, string> = {};
  for (const { fsType, mountPoint, superOptions } of mounts) {
    if (fsType !== "cgroup") continue;
    for (const name of superOptions.filter(isController)) controllers[name] ??= mountPoint;
  }
  const hasControllers = Object.keys(controllers).some((name) => !name.startsWith("name="));
  if (!hasControllers && unified === null) throw new BerthError("missing_requirement", "no cgroup file system is mounted");
  if (!hasControllers) return { mode: "v2", unified, controllers: {} };
  return { mode: unified === null ? "v1" : "hybrid", unified, controllers };
}

function isController(option: string): boolean {
  return !PLAIN_OPTIONS.has(option) && !option.startsWith("release_agent=");
}

/**
 * The folders of one container's cgroup in every hierarchy, existing or not, absolute: what a lease names and a kill
 * goes through.
 * @param cgroupsPath as in the OCI spec, "/berth/1a2b3c4d5e6f/job-1-1-0"
 */
export function cgroupFolders(layout: CgroupLayout, cgroupsPath: string): string[] {
  const roots = [...Object.values(layout.controllers), ...(layout.unified === null ? [] : [layout.unified])];
  return [...new Set(roots)].map((root) => `${root}${checkedPath(cgroupsPath)}`);
}

/** The folder that has `controller`; null where this machine has no such controller. */
export function controllerFolder(layout: CgroupLayout, controller: string, cgroupsPath: string): string | null {
  const root = layout.mode === "v2" ? layout.unified : layout.controllers[controller];
  return root === null || root === undefined ? null : `${root}${checkedPath(cgroupsPath)}`;
}

/** A relative or climbing path would name somebody else's cgroup. */
function checkedPath(cgroupsPath: string): string {
  if (!/^(\/[^/\0\n]+)+$/.test(cgroupsPath) || /\/\.{1,2}(\/|$)/.test(cgroupsPath)) {
    throw new BerthError("internal", `not an absolute cgroup path: ${cgroupsPath}`);
  }
  return cgroupsPath;
}
