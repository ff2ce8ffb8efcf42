import { basename, dirname } from "node:path";
import type { Capability, DeviceNode, DriverFile, DriverFiles } from "../types.ts";
import { CAPABILITY_FILES, closeCapabilities } from "./capability-files.ts";
import { type DriverRootListing, type ListedFile, type ListedNode, SIMULATION_CONFIG } from "./listing.ts";

/**
 * Chooses from a driver root what `capabilities` stand for. Only files of exactly one driver version are taken, so leftovers
 * of an older driver never mix in: `version` (what NVML says), else the one that libnvidia-ml.so.1 or libcuda.so.1 leads to.
 * Null when there is no driver.
 */
export function selectDriverFiles(
  listing: DriverRootListing,
  capabilities: readonly Capability[],
  version: string | null,
): DriverFiles | null {
  const chosen = version ?? installedVersion(listing.libraries);
  if (chosen === null) return null;
  const tables = closeCapabilities(capabilities).map((capability) => CAPABILITY_FILES[capability]);
  const libraries = tables.flatMap((table) => table.libraries).flatMap((base) => selectLibrary(listing.libraries, base, chosen));
  const wantedNodes = ["nvidiactl", ...tables.flatMap((table) => table.nodes)];
  return {
    version: chosen,
    libraries: [...libraries, ...simulationConfig(listing.libraries, libraries)],
    libraryLinks: libraries.flatMap((library) => linksTo(listing.libraries, library)),
    binaries: tables.flatMap((table) => table.binaries).flatMap((name) => selectBinary(listing.binaries, name)),
    firmware: listing.firmware.filter((path) => basename(dirname(path)) === chosen),
    controlNodes: wantedNodes.flatMap((name) => listing.nodes.filter((node) => node.name === name)).map(deviceNode),
    gpuNodes: listing.nodes.filter((node) => /^nvidia\d+$/.test(node.name)).map(deviceNode),
    missingNodes: wantedNodes.filter((name) => !listing.nodes.some((node) => node.name === name)).map((name) => `/dev/${name}`),
    params: listing.params,
  };
}

function installedVersion(files: ListedFile[]): string | null {
  const link = files.find((file) => file.name === "libnvidia-ml.so.1") ?? files.find((file) => file.name === "libcuda.so.1");
  return link ? (/\.so\.(\d+\.\d[\d.]*)$/.exec(link.realPath)?.[1] ?? null) : null;
}

/** libcuda -> libcuda.so.550.163.01; nothing when this driver does not ship it. */
function selectLibrary(files: ListedFile[], base: string, version: string): DriverFile[] {
  const name = `${base}.so.${version}`;
  const found = files.find((file) => file.name === name);
  return found ? [{ name, hostPath: found.realPath }] : [];
}

/** Every other name of the same file ("libcuda.so.1", "libcuda.so"), led straight to it: chains and Debian's alternatives end here. */
function linksTo(files: ListedFile[], library: DriverFile): { name: string; target: string }[] {
  const names = files.filter((file) => file.realPath === library.hostPath && file.name !== library.name).map((file) => file.name);
  return [...new Set(names)].map((name) => ({ name, target: library.name }));
}

function selectBinary(files: ListedFile[], name: string): DriverFile[] {
  const found = files.find((file) => file.name === name);
  return found ? [{ name, hostPath: found.realPath }] : [];
}

function simulationConfig(files: ListedFile[], libraries: DriverFile[]): DriverFile[] {
  const folders = new Set(libraries.map((library) => dirname(library.hostPath)));
  const found = files.find((file) => file.name === SIMULATION_CONFIG && folders.has(dirname(file.realPath)));
  return found ? [{ name: SIMULATION_CONFIG, hostPath: found.realPath }] : [];
}

function deviceNode(node: ListedNode): DeviceNode {
  const { name, ...rest } = node;
  return { path: `/dev/${name}`, ...rest };
}
