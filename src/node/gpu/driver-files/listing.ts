import type { FixedFile, MigNode, ServiceEndpoint } from "../types.ts";

/** Configures the simulated NVML, which looks for it beside itself; no real driver has such a file. */
export const SIMULATION_CONFIG = "fake-nvml.conf";

/** What lies in a driver root, before anything is chosen from it. */
export interface DriverRootListing extends ListedDriver {
  nodes: ListedNode[];
  dri: ListedDri[];
  migNodes: ListedMigNode[];
  services: ServiceEndpoint[];
  /** Text of /proc/driver/nvidia/params; null without a loaded driver. */
  params: string | null;
  /** Of the loaded kernel module, from /proc/driver/nvidia/version; null without one. */
  kernelVersion: string | null;
}

/** The part that only installing a driver changes. */
export interface ListedDriver {
  /** In the order of the search folders. Dangling links are left out. */
  libraries: ListedFile[];
  libraries32: ListedFile[];
  binaries: ListedFile[];
  /** Absolute paths of gsp*.bin, by driver version folder. */
  firmware: string[];
  fixed: ListedFixedFile[];
}

export interface ListedFile {
  folder: string;
  name: string;
  /** The regular file behind every link, absolute on the host. */
  realPath: string;
}

export interface ListedFixedFile extends FixedFile {
  capability: "compute" | "graphics";
}

export interface ListedNode {
  /** Below /dev: "nvidia0", "nvidia-caps/nvidia-cap1". */
  name: string;
  hostPath: string;
  major: number;
  minor: number;
  fileMode: number;
  uid: number;
  gid: number;
}

export type ListedMigNode = Omit<MigNode, "node"> & { node: ListedNode };

export interface ListedDri {
  /** "0000:10:00.0" */
  pciAddress: string;
  /** Its name is "dri/renderD128". */
  node: ListedNode;
}
