import { stat } from "node:fs/promises";
import { fileAt, orNull, viewRoot } from "../driver-files/root-view.ts";
import type { DriverFiles } from "../types.ts";
import type { ExtraDevice } from "./extra-devices.ts";

/**
 * The driver's files with those that GDS needs beside its nodes: udev's database, by which libcufile finds the NVMe or RAID device
 * behind a file, and the machine's cufile.json (nvidia-container-toolkit, internal/discover/gds.go). What this machine lacks is left out.
 */
export async function withExtraFiles(
  files: DriverFiles | null,
  driverRoot: string,
  extras: readonly ExtraDevice[],
): Promise<DriverFiles | null> {
  if (files === null || !extras.includes("gds")) return files;
  const view = viewRoot(driverRoot);
  const [udev, cufile] = await Promise.all([view.resolve("run/udev"), fileAt(view, "etc", "cufile.json")]);
  const isFolder = udev !== null && (await orNull(stat(udev)))?.isDirectory() === true;
  return {
    ...files,
    services: [...files.services, ...(isFolder ? [{ service: "udev", kind: "folder", hostPath: udev } as const] : [])],
    fixedFiles: [
      ...files.fixedFiles,
      ...(cufile ? [{ hostPath: cufile.realPath, path: "etc/cufile.json", place: "/etc/cufile.json" }] : []),
    ],
  };
}
