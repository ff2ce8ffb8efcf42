import { basename, dirname } from "node:path";
import type { Capability, DeviceNode, DriverFile, DriverFiles } from "../types.ts";
import { CAPABILITY_FILES, closeCapabilities } from "./capability-files.ts";
import { driverProblem, versionOf } from "./driver-problem.ts";
import { type DriverRootListing, type ListedFile, type ListedNode, SIMULATION_CONFIG } from "./listing.ts";
import { linksOf, selectLibraries } from "./select-libraries.ts";

/**
 * Chooses from a driver root what `capabilities` stand for. Only files of exactly one driver version are taken, so leftovers
 * of an older driver never mix in: `version` (what NVML says), else the kernel module's, else the one that libnvidia-ml.so.1 or
 * libcuda.so.1 leads to. Null when there is no driver.
 */
export function selectDriverFiles(
  listing: DriverRootListing,
  capabilities: readonly Capability[],
  version: string | null,
): DriverFiles | null {
  const chosen = version ?? listing.kernelVersion ?? installedVersion(listing.libraries);
  if (chosen === null) return null;
  const closed = closeCapabilities(capabilities);
  const tables = closed.map((capability) => CAPABILITY_FILES[capability]);
  const libraries = selectLibraries(listing.libraries, closed, chosen);
  const libraries32 = closed.includes("compat32") ? selectLibraries(listing.libraries32, closed, chosen) : [];
  const services = tables.flatMap((table) => table.services);
  return {
    version: chosen,
    libraries: [...libraries, ...simulationConfig(listing.libraries, libraries)],
    libraryLinks: libraries.flatMap((library) => linksOf(listing.libraries, library)),
    libraries32,
    libraryLinks32: libraries32.flatMap((library) => linksOf(listing.libraries32, library)),
    binaries: tables.flatMap((table) => table.binaries).flatMap((name) => selectBinary(listing.binaries, name)),
    fixedFiles: fixedFiles(listing, closed, chosen),
    services: listing.services.filter(({ service }) => services.includes(service)),
    firmware: listing.firmware.filter((path) => basename(dirname(path)) === chosen),
    ...selectNodes(listing, closed),
    params: listing.params,
    problem: moduleProblem(listing, chosen) ?? driverProblem(listing.libraries, chosen, libraries),
  };
}

type NodeLists = Pick<DriverFiles, "controlNodes" | "gpuNodes" | "migNodes" | "renderNodes" | "missingNodes">;

function selectNodes({ nodes, dri, migNodes }: DriverRootListing, closed: Capability[]): NodeLists {
  const wanted = ["nvidiactl", ...closed.flatMap((capability) => CAPABILITY_FILES[capability].nodes)];
  return {
    controlNodes: wanted.flatMap((name) => nodes.filter((node) => node.name === name)).map(deviceNode),
    gpuNodes: nodes.filter((node) => /^nvidia\d+$/.test(node.name)).map(deviceNode),
    migNodes: migNodes.map(({ node, ...rest }) => ({ ...rest, node: deviceNode(node) })),
    renderNodes: closed.includes("graphics") ? dri.map(({ pciAddress, node }) => ({ pciAddress, node: deviceNode(node) })) : [],
    missingNodes: wanted.filter((name) => !nodes.some((node) => node.name === name)).map((name) => `/dev/${name}`),
  };
}

function installedVersion(files: ListedFile[]): string | null {
  const link = files.find((file) => file.name === "libnvidia-ml.so.1") ?? files.find((file) => file.name === "libcuda.so.1");
  return link ? (/\.so\.(\d+\.\d[\d.]*)$/.exec(link.realPath)?.[1] ?? null) : null;
}

/** NVML speaks for the module it found at its start; after a reload the two differ until NVML is asked anew. */
function moduleProblem({ kernelVersion }: DriverRootListing, chosen: string): string | null {
  if (kernelVersion === null || kernelVersion === chosen) return null;
  return `NVML speaks for driver ${chosen}, the loaded kernel module is ${kernelVersion}`;
}

function selectBinary(files: ListedFile[], name: string): DriverFile[] {
  const found = files.find((file) => file.name === name);
  return found ? [{ name, hostPath: found.realPath }] : [];
}

/** Those that carry a driver version in their name only when it is this one. */
function fixedFiles({ fixed }: DriverRootListing, closed: Capability[], version: string): DriverFiles["fixedFiles"] {
  return fixed
    .filter(({ capability }) => closed.includes(capability))
    .filter(({ path }) => (/\d{3,}\.\d+(?:\.\d+)?/.exec(basename(path))?.[0] ?? version) === version)
    .filter(({ hostPath }) => (versionOf(basename(hostPath)) ?? version) === version)
    .map(({ hostPath, path, place }) => ({ hostPath, path, place }));
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
