import { join } from "node:path";
import { CAPABILITY_FILES } from "./capability-files.ts";
import { findLibraryFolders, type LibraryFolders } from "./find-library-folders.ts";
import { listFixedFiles } from "./list-fixed-files.ts";
import { listLibraries } from "./list-libraries.ts";
import { listMigNodes } from "./list-mig.ts";
import { listDri, listNodes } from "./list-nodes.ts";
import { listServices } from "./list-services.ts";
import type { DriverRootListing, ListedDriver } from "./listing.ts";
import { filesIn, namesIn, type RootView, textAt, viewRoot } from "./root-view.ts";
import { BINARY_FOLDERS } from "./search-folders.ts";

const BINARY_NAMES = new Set(Object.values(CAPABILITY_FILES).flatMap((files) => files.binaries));
export const FIRMWARE_FOLDER = "lib/firmware/nvidia";

/**
 * Looks at a driver root ("/" on a normal machine, /run/nvidia/driver with a driver container). What is missing is left out;
 * only an error other than "not there" is thrown, as Node's own error.
 */
export async function readDriverRoot(driverRoot: string): Promise<DriverRootListing> {
  const view = viewRoot(driverRoot);
  const [driver, state] = await Promise.all([
    findLibraryFolders(view).then((folders) => readInstalledDriver(view, folders)),
    readDriverState(view),
  ]);
  return { ...driver, ...state };
}

/** What an installation lays: changes only with the disk. */
export async function readInstalledDriver(view: RootView, folders: LibraryFolders): Promise<ListedDriver> {
  const [libraries, libraries32, binaries, firmware, fixed] = await Promise.all([
    listLibraries(view, folders.wide, 64),
    listLibraries(view, folders.narrow, 32),
    Promise.all(BINARY_FOLDERS.map((folder) => filesIn(view, folder, (name) => BINARY_NAMES.has(name)))),
    listFirmware(view),
    listFixedFiles(view),
  ]);
  return { libraries, libraries32, binaries: binaries.flat(), firmware, fixed };
}

/** What the kernel and running services say: changes at any time. */
export async function readDriverState(view: RootView): Promise<Omit<DriverRootListing, keyof ListedDriver>> {
  const [nodes, dri, migNodes, services, params, version] = await Promise.all([
    listNodes(view),
    listDri(view),
    listMigNodes(view),
    listServices(view),
    textAt(view, "proc/driver/nvidia/params"),
    textAt(view, "proc/driver/nvidia/version"),
  ]);
  return { nodes, dri, migNodes, services, params, kernelVersion: moduleVersion(version ?? "") };
}

/** "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01  ..."; the open module says "Open Kernel Module for x86_64". */
function moduleVersion(text: string): string | null {
  return /Kernel Module(?: for \S+)?\s+(\d+\.\d[\d.]*)/.exec(text)?.[1] ?? null;
}

async function listFirmware(view: RootView): Promise<string[]> {
  const folders = (await namesIn(view, FIRMWARE_FOLDER)).map((version) => join(FIRMWARE_FOLDER, version));
  const files = await Promise.all(folders.map((folder) => filesIn(view, folder, (name) => /^gsp.*\.bin$/.test(name))));
  return files
    .flat()
    .map((file) => file.realPath)
    .sort();
}
