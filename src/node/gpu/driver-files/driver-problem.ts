import { basename } from "node:path";
import type { DriverFile } from "../types.ts";
import type { ListedFile } from "./listing.ts";

/**
 * Null when the disk holds one driver, the running one. User space and kernel module of different versions refuse each other
 * (NVML_ERROR_LIB_RM_VERSION_MISMATCH), and half an upgrade in a container fails in ways that nobody can explain.
 * `version` is the running driver's, `chosen` its libraries. Links of libraries that this version does not have are an older
 * driver's leftovers and mean nothing.
 */
export function driverProblem(files: readonly ListedFile[], version: string, chosen: readonly DriverFile[]): string | null {
  const bases = new Set(["libcuda", "libnvidia-ml", ...chosen.map((file) => baseOf(file.name))]);
  const other = files.find((file, at) => isFirst(files, at) && bases.has(baseOf(file.name)) && versionBehind(file, version) !== version);
  if (other === undefined) return null;
  const upgrade = `the running driver is ${version}, but ${other.name} leads to ${versionBehind(other, version)}`;
  return `${upgrade}: an upgrade is under way, or waits for its kernel module; finish it and reload the module or reboot`;
}

/** The loader would take the first of a name. */
function isFirst(files: readonly ListedFile[], at: number): boolean {
  return files.findIndex((file) => file.name === files[at]?.name) === at;
}

/** The driver version that a link leads to; that of anything else does not matter here. */
function versionBehind(file: ListedFile, fallback: string): string {
  const isLink = /\.so(?:\.\d+)?$/.test(file.name);
  return (isLink ? versionOf(basename(file.realPath)) : null) ?? fallback;
}

function baseOf(name: string): string {
  return name.slice(0, name.indexOf(".so"));
}

/** "550.163.01" of libcuda.so.550.163.01; a driver's major version has three digits, a library's own has fewer. */
export function versionOf(name: string): string | null {
  return /\.so\.(\d{3,}\.\d[\d.]*)$/.exec(name)?.[1] ?? null;
}
