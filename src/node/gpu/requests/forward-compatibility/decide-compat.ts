import { compareVersions, isVersion } from "../../../../shared/gpu-requirements/index.ts";
import type { CompatNote } from "./compat-note.ts";

/** CUDA libraries of an image that may stand in for the driver's. */
export interface CompatLibraries {
  /** Folder in the container, links resolved: "/usr/local/cuda-12.6/compat". */
  folder: string;
  /** Of libcuda.so.<version>. */
  version: string;
  note: CompatNote | null;
  /** Names in the folder that a loader looks for: "libcuda.so.1". */
  names: string[];
}

export interface CompatDecision {
  use: boolean;
  reason: string;
}

/**
 * Whether the image's CUDA libraries are to be used in place of the driver's. With a note: the host's driver branch is in it
 * and the library is newer than the host's driver. Without: its major version is newer. Never an older one. Pure.
 */
export function decideCompat(compat: CompatLibraries, driverVersion: string | null): CompatDecision {
  if (driverVersion === null || !isVersion(driverVersion)) return no("the host's driver version is not known");
  if (!isVersion(compat.version)) return no(`libcuda.so.${compat.version} has no version`);
  const [hostBranch, branch] = [major(driverVersion), major(compat.version)];
  if (compareVersions(compat.version, driverVersion) <= 0) {
    return no(`its driver ${compat.version} is not newer than the host's ${driverVersion}`);
  }
  if (compat.note !== null && compat.note.driverBranches.length > 0) {
    const listed = compat.note.driverBranches.includes(hostBranch);
    return { use: listed, reason: `its note ${listed ? "names" : "does not name"} the host's driver branch ${hostBranch}` };
  }
  return { use: branch > hostBranch, reason: `without a note, branch ${branch} against the host's ${hostBranch} decides` };
}

function no(reason: string): CompatDecision {
  return { use: false, reason };
}

function major(version: string): number {
  return Number(version.split(".")[0]);
}
