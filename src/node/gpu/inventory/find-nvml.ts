import { access } from "node:fs/promises";
import { join } from "node:path";
import { LIBRARY_FOLDERS } from "../driver-files/search-folders.ts";

/** Path of libnvidia-ml.so.1 below `driverRoot`; null when there is none, which is normal on a machine without a GPU. */
export async function findNvml(driverRoot: string): Promise<string | null> {
  for (const folder of LIBRARY_FOLDERS) {
    const path = join(driverRoot, folder, "libnvidia-ml.so.1");
    if (await exists(path)) return path;
  }
  return null;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
