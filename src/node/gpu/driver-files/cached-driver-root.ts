import { stat } from "node:fs/promises";
import { findLibraryFolders, type LibraryFolders, LOADER_CACHE } from "./find-library-folders.ts";
import { FIXED_FILE_FOLDERS } from "./list-fixed-files.ts";
import type { DriverRootListing, ListedDriver } from "./listing.ts";
import { FIRMWARE_FOLDER, readDriverState, readInstalledDriver } from "./read-driver-root.ts";
import { orNull, type RootView, viewRoot } from "./root-view.ts";
import { BINARY_FOLDERS } from "./search-folders.ts";

export interface DriverRoot {
  /** As readDriverRoot, at the price of some 60 stat calls while nothing was installed. */
  read(): Promise<DriverRootListing>;
}

interface Known {
  folders: LibraryFolders;
  fingerprint: string;
  driver: ListedDriver;
}

/**
 * Remembers what is installed until a folder it was read from changes: files are installed and upgraded by rename, which
 * touches their folder. Device nodes, services and the loaded module's version are read every time.
 */
export function createDriverRoot(root: string): DriverRoot {
  let known: Known | null = null;
  return {
    read: async () => {
      const view = viewRoot(root);
      const state = readDriverState(view);
      if (known === null || (await fingerprintOf(view, known.folders)) !== known.fingerprint) known = await look(view);
      return { ...known.driver, ...(await state) };
    },
  };
}

/** The fingerprint is taken first: an upgrade during the look makes the next one look again. */
async function look(view: RootView): Promise<Known> {
  const folders = await findLibraryFolders(view);
  const fingerprint = await fingerprintOf(view, folders);
  return { folders, fingerprint, driver: await readInstalledDriver(view, folders) };
}

/** With the links of Debian's alternatives; a firmware folder of another version is a change of its parent. */
async function fingerprintOf({ resolve }: RootView, { wide, narrow }: LibraryFolders): Promise<string> {
  const paths = [...wide, ...narrow, ...BINARY_FOLDERS, ...FIXED_FILE_FOLDERS, FIRMWARE_FOLDER, LOADER_CACHE, "etc/alternatives"];
  const parts = await Promise.all([...new Set(paths)].map(async (path) => stamp(await resolve(path))));
  return parts.join(" ");
}

async function stamp(path: string | null): Promise<string> {
  const status = path === null ? null : await orNull(stat(path, { bigint: true }));
  return status === null ? "-" : `${status.dev}:${status.ino}:${status.ctimeNs}`;
}
