import type { Gpu } from "../../shared/domain/index.ts";

export interface GpuInventory {
  driverVersion: string | null;
  cudaVersion: string | null;
  simulated: boolean;
  gpus: Gpu[];
}

/**
 * What one container gets of the GPU host, in CDI containerEdits words (CDI spec 1.1.0) plus what only our hook does.
 * Pure data: the agent computes it, `hooks/gpu-prestart` applies it, `berth gpu plan` will print it.
 */
export interface InjectionPlan {
  version: 1;
  deviceNodes: DeviceNode[];
  mounts: FileMount[];
  /** Made inside the rootfs after the mounts. */
  symlinks: { target: string; path: string }[];
  /** Folders whose libraries go into the container's ld.so.cache. */
  libraryFolders: string[];
  env: Record<string, string>;
  /** `ModifyDeviceFiles: 0` view of /proc/driver/nvidia/params. */
  procDriver: { params: string } | null;
}

export interface DeviceNode {
  /** Path in the container, "/dev/nvidia0". */
  path: string;
  major: number;
  minor: number;
  fileMode: number;
  uid: number;
  gid: number;
}

export interface FileMount {
  hostPath: string;
  containerPath: string;
  options: string[];
}
