import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../content/storage-error.ts";

/** What is in a container's writable layer without being the container's work. */
export interface ForeignPaths {
  /** The path is relative to the root. */
  exclude(path: string): boolean;
}

/**
 * Mount points that the runtime made (empty files and folders at the destinations of the bundle's mounts), and copies of the GPU
 * driver's files: a container that changed or deleted one has it in its writable layer, and the driver belongs to the node it
 * runs on, never to an image.
 * @param driverLayers folders of driver layers, empty for a container without GPUs
 */
export async function foreignPaths(containerDir: string, driverLayers: readonly string[]): Promise<ForeignPaths> {
  const mountpoints = await mountDestinations(join(containerDir, "bundle", "config.json"));
  const driver = new Set<string>();
  for (const layer of driverLayers) await addFiles(layer, "", driver);
  return {
    exclude: (path) => mountpoints.has(path) || driver.has(path),
  };
}

async function mountDestinations(configFile: string): Promise<Set<string>> {
  const text = await readFile(configFile, "utf8").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return "{}";
    throw error;
  });
  const { mounts = [] } = JSON.parse(text) as { mounts?: { destination: string }[] };
  return new Set(
    mounts.map(({ destination }) =>
      destination
        .split("/")
        .filter((part) => part !== "")
        .join("/"),
    ),
  );
}

/** Files and links; folders are the image's as well. */
async function addFiles(layer: string, folder: string, into: Set<string>): Promise<void> {
  for (const entry of await readdir(join(layer, folder), { withFileTypes: true })) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) await addFiles(layer, path, into);
    else into.add(path);
  }
}

/** Every driver layer of a node; a missing folder has none. */
export async function driverLayersIn(folder: string): Promise<string[]> {
  try {
    const paths = (await readdir(folder)).map((name) => join(folder, name));
    const found = await Promise.all(paths.map(async (path) => ({ path, isFolder: (await stat(path)).isDirectory() })));
    return found.filter(({ isFolder }) => isFolder).map(({ path }) => path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
