import { basename } from "node:path";
import type { Capability, DriverFile } from "../types.ts";
import { CAPABILITY_FILES, EXTRA_LINKS } from "./capability-files.ts";
import type { ListedFile } from "./listing.ts";

const KNOWN = new Set(Object.values(CAPABILITY_FILES).flatMap(({ libraries, ownVersion }) => [...libraries, ...ownVersion]));

/** The capabilities' libraries of one driver version, each once. */
export function selectLibraries(files: readonly ListedFile[], capabilities: readonly Capability[], version: string): DriverFile[] {
  const tables = capabilities.map((capability) => CAPABILITY_FILES[capability]);
  const named = tables.flatMap((table) => table.libraries).flatMap((base) => withName(files, `${base}.so.${version}`));
  const own = tables.flatMap((table) => table.ownVersion).flatMap((base) => ownVersion(files, base));
  const all = [...named, ...own, ...(capabilities.includes("compute") ? unknownLibraries(files, version) : [])];
  return all.filter((file, at) => all.findIndex((other) => other.name === file.name) === at);
}

/** Nothing when this driver does not ship it. */
function withName(files: readonly ListedFile[], name: string): DriverFile[] {
  const found = files.find((file) => file.name === name);
  return found ? [{ name, hostPath: found.realPath }] : [];
}

/** libnvidia-egl-gbm.so.1 -> libnvidia-egl-gbm.so.1.1.0, libnvidia-nvvm70.so.4: by whatever soname there is. */
function ownVersion(files: readonly ListedFile[], base: string): DriverFile[] {
  const soname = files.find((file) => file.name.startsWith(`${base}.so.`) && /^\d+$/.test(file.name.slice(base.length + 4)));
  return soname ? [{ name: basename(soname.realPath), hostPath: soname.realPath }] : [];
}

/** What a newer driver brought and no table knows goes with compute, so that libcuda finds what it opens. */
function unknownLibraries(files: readonly ListedFile[], version: string): DriverFile[] {
  const suffix = `.so.${version}`;
  return files
    .filter((file) => file.name.startsWith("libnvidia-") && file.name.endsWith(suffix) && !KNOWN.has(file.name.slice(0, -suffix.length)))
    .map((file) => ({ name: file.name, hostPath: file.realPath }));
}

/** Every other name of the same file ("libcuda.so.1"), led straight to it: chains and Debian's alternatives end here. */
export function linksOf(files: readonly ListedFile[], library: DriverFile): { name: string; target: string }[] {
  const base = library.name.slice(0, library.name.indexOf(".so"));
  const names = files.filter((file) => file.realPath === library.hostPath && file.name !== library.name).map((file) => file.name);
  return [...new Set([...names, ...(EXTRA_LINKS[base] ?? [])])].map((name) => ({ name, target: library.name }));
}
