/** Configures the simulated NVML, which looks for it beside itself; no real driver has such a file. */
export const SIMULATION_CONFIG = "fake-nvml.conf";

/** What lies in a driver root, before anything is chosen from it. */
export interface DriverRootListing {
  /** In the order of the search folders. Dangling links are left out. */
  libraries: ListedFile[];
  binaries: ListedFile[];
  nodes: ListedNode[];
  /** Absolute paths of gsp*.bin, by driver version folder. */
  firmware: string[];
  /** Text of /proc/driver/nvidia/params; null without a loaded driver. */
  params: string | null;
}

export interface ListedFile {
  folder: string;
  name: string;
  /** The regular file behind every link, absolute on the host. */
  realPath: string;
}

export interface ListedNode {
  /** Below /dev: "nvidia0". */
  name: string;
  hostPath: string;
  major: number;
  minor: number;
  fileMode: number;
  uid: number;
  gid: number;
}
