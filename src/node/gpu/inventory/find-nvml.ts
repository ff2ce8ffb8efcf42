import { findLibraryFolders } from "../driver-files/find-library-folders.ts";
import { fileAt, type RootView, viewRoot } from "../driver-files/root-view.ts";
import { LIBRARY_FOLDERS } from "../driver-files/search-folders.ts";

/**
 * The file behind libnvidia-ml.so.1 below `driverRoot`, links resolved inside it; null when there is none, which is normal on a machine
 * without a GPU. Only where the known folders have none, the root's ld.so.cache is asked.
 */
export async function findNvml(driverRoot: string): Promise<string | null> {
  const view = viewRoot(driverRoot);
  return (await firstIn(view, LIBRARY_FOLDERS)) ?? firstIn(view, (await findLibraryFolders(view)).wide);
}

async function firstIn(view: RootView, folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) {
    const found = await fileAt(view, folder, "libnvidia-ml.so.1");
    if (found !== null) return found.realPath;
  }
  return null;
}
