import type { Gpu } from "../../shared/domain/index.ts";

export interface GpuInventory {
  driverVersion: string | null;
  cudaVersion: string | null;
  simulated: boolean;
  gpus: Gpu[];
  /** Why NVML could not be read ("NVML did not answer within 5 s"); null when it could, or when there is no driver. */
  problem: string | null;
}

/**
 * What one container gets of the GPU host, in CDI containerEdits words (CDI spec 1.1.0) plus what only our hook does.
 * Pure data: the agent computes it, `hooks/gpu-prestart` applies it, `berth gpu plan` will print it.
 */
export interface InjectionPlan {
  version: 1;
  /** Where the hook puts its one read-only tmpfs; every mount and link lies below it. Absolute, "/usr/local/nvidia". */
  driverFolder: string;
  deviceNodes: DeviceNode[];
  mounts: FileMount[];
  /** `target` is the name of a file in the same folder. */
  symlinks: { target: string; path: string }[];
  /** Folders whose libraries go into the container's ld.so.cache (by the driver layer; the hook does not read this). */
  libraryFolders: string[];
  env: Record<string, string>;
  /**
   * The container's view of /proc/driver/nvidia: `params` with `ModifyDeviceFiles: 0`, `version`, `registry` and the paths of `shown`
   * ("gpus/0000:10:00.0", "capabilities/gpu0/mig/gi1/access"); everything else there is covered.
   */
  procDriver: { params: string; shown?: string[] } | null;
  /** Text of a driver application profile, put into /etc/nvidia/nvidia-application-profiles-rc.d. */
  applicationProfile?: string;
}

export interface DeviceNode {
  /** Path in the container, "/dev/nvidia0". */
  path: string;
  /** The node on the host (below a driver root it may lie elsewhere): bound where a user namespace forbids mknod. */
  hostPath: string;
  major: number;
  minor: number;
  fileMode: number;
  uid: number;
  gid: number;
}

/**
 * A regular file, bound read-only below the driver folder; or a daemon's socket or folder of pipes (`kind`), bound
 * nosuid, nodev, noexec below the driver folder or /run, and writable unless `options` has "ro".
 */
export interface FileMount {
  kind?: "file" | "socket" | "folder";
  /** Absolute, links already resolved. */
  hostPath: string;
  containerPath: string;
  options: string[];
}

/** What the plan must know of the container. Never a reason to grant anything. */
export interface RootfsFacts {
  /** The environment the process would get without the plan (image, then job): PATH and LD_LIBRARY_PATH are appended to. */
  env: Record<string, string>;
  /** The image's unpacked layers, top first; without them the plan comes without a driver layer. */
  lowerDirs?: readonly string[];
}

/** An entry of the OCI spec's linux.resources.devices (config-linux.md, "Allowed Device list"). */
export interface DeviceRule {
  allow: true;
  type: "c";
  major: number;
  minor: number;
  access: "rw";
}

/** NVIDIA_DRIVER_CAPABILITIES' words. */
export type Capability = "compute" | "utility" | "video" | "graphics" | "display" | "ngx" | "compat32";

/** What of one driver root a container could get. */
export interface DriverFiles {
  /** "550.163.01", as the libraries' file names say. */
  version: string;
  libraries: DriverFile[];
  /** Links beside the libraries: "libcuda.so.1" -> "libcuda.so.550.163.01". */
  libraryLinks: { name: string; target: string }[];
  /** The same of the 32-bit libraries; empty without compat32. */
  libraries32: DriverFile[];
  libraryLinks32: { name: string; target: string }[];
  binaries: DriverFile[];
  fixedFiles: FixedFile[];
  services: ServiceEndpoint[];
  /** Firmware the kernel loads itself; listed for people, not injected. */
  firmware: string[];
  /** /dev/nvidiactl and the capabilities' own nodes. */
  controlNodes: DeviceNode[];
  /** /dev/nvidiaN by minor number. */
  gpuNodes: DeviceNode[];
  /** Of GPUs in MIG mode: a MIG device needs the node of its GPU instance and that of its compute instance. */
  migNodes: MigNode[];
  /** /dev/dri of the GPUs, for graphics; empty without it. */
  renderNodes: RenderNode[];
  /** Control nodes that the capabilities need and the host lacks ("/dev/nvidia-uvm"). */
  missingNodes: string[];
  /** /proc/driver/nvidia/params of the host; null where there is no driver in the kernel. */
  params: string | null;
  /** Why no container may have these files: several driver versions lie mixed on the disk, or the kernel runs another one. */
  problem: string | null;
}

export interface DriverFile {
  /** File name in the container. */
  name: string;
  hostPath: string;
}

/** A file that programs look for at certain places and nowhere else: an ICD manifest, the OptiX kernels, an X server's driver. */
export interface FixedFile {
  hostPath: string;
  /** Below the driver folder: "share/vulkan/icd.d/nvidia_icd.json". */
  path: string;
  /** Where programs look, absolute: the driver layer has links from there into the driver folder. */
  place: string;
}

/** A socket or a folder of pipes, through which programs reach a service of the host. */
export interface ServiceEndpoint {
  service: "persistenced" | "fabricmanager" | "mps" | "udev";
  kind: "socket" | "folder";
  hostPath: string;
}

/** /dev/nvidia-caps/nvidia-capN, which opens one GPU instance (`computeInstance` null) or one compute instance of it. */
export interface MigNode {
  gpuMinor: number;
  gpuInstance: number;
  computeInstance: number | null;
  /** Below /proc/driver/nvidia: "capabilities/gpu0/mig/gi1/ci0/access". */
  procFile: string;
  node: DeviceNode;
}

export interface RenderNode {
  /** "0000:10:00.0", as below /dev/dri/by-path. */
  pciAddress: string;
  node: DeviceNode;
}
