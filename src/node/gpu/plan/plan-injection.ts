import { BerthError, type Gpu } from "../../../shared/domain/index.ts";
import type { Capability, DeviceNode, DriverFiles, GpuInventory, InjectionPlan, MigNode, RootfsFacts } from "../types.ts";
import { type AssignedGpu, assignedGpus } from "./assigned-gpus.ts";
import {
  BINARY_FOLDER,
  DRIVER_FOLDER,
  driverLinks,
  driverMounts,
  gdsEnvironment,
  libraryFolders,
  pciAddressOf,
  renderNodes,
  serviceEnvironment,
} from "./driver-mounts.ts";
import { assignedMigNodes } from "./mig-nodes.ts";
import { appendFolder, appendToPath } from "./search-path.ts";

export interface PlanRequest {
  inventory: GpuInventory;
  driverFiles: DriverFiles | null;
  /** The assignment: the only thing that grants a GPU. */
  gpuUuids: readonly string[];
  capabilities: readonly Capability[];
  rootfs: RootfsFacts;
}

/**
 * What a container with these GPUs gets. Pure.
 * @throws BerthError gpu_unavailable when a GPU is unknown or unhealthy, or the driver's files or nodes are incomplete
 */
export function planInjection(request: PlanRequest): InjectionPlan {
  const assigned = assignedGpus(request.inventory, request.gpuUuids);
  const gpus = assigned.map(({ gpu }) => gpu);
  const files = completeDriver(request.driverFiles);
  const mig = assigned.flatMap(({ gpu, migDevices }) => assignedMigNodes(files, gpu, migDevices));
  return {
    version: 1,
    driverFolder: DRIVER_FOLDER,
    deviceNodes: [
      ...files.controlNodes,
      ...gpus.flatMap((gpu) => [gpuNode(files, gpu), ...renderNodes(files, gpu.pciBusId)]),
      ...mig.map(({ node }) => node),
    ],
    mounts: driverMounts(files),
    symlinks: driverLinks(files),
    libraryFolders: libraryFolders(files),
    env: environment(assigned, files, request),
    procDriver: procDriver(files, gpus, mig),
    ...applicationProfile(gpus, request.capabilities),
  };
}

function completeDriver(files: DriverFiles | null): DriverFiles {
  if (files === null) throw new BerthError("gpu_unavailable", "no NVIDIA driver libraries were found");
  if (files.problem !== null) throw new BerthError("gpu_unavailable", files.problem);
  if (files.libraries.length === 0) throw new BerthError("gpu_unavailable", `no libraries of driver ${files.version} were found`);
  if (files.missingNodes.length > 0) {
    throw new BerthError("gpu_unavailable", `${files.missingNodes.join(", ")} is missing; \`nvidia-modprobe -c 0 -u\` makes the nodes`);
  }
  return files;
}

function gpuNode(files: DriverFiles, gpu: Gpu): DeviceNode {
  const path = `/dev/nvidia${gpu.minor}`;
  const node = files.gpuNodes.find((candidate) => candidate.path === path);
  if (!node) throw new BerthError("gpu_unavailable", `${path} of GPU ${gpu.uuid} is missing; \`nvidia-modprobe -c ${gpu.minor}\` makes it`);
  // A node under that name which is another device would hand out somebody else's GPU.
  if (node.minor !== gpu.minor) throw new BerthError("gpu_unavailable", `${path} has minor number ${node.minor}, not ${gpu.minor}`);
  return node;
}

function environment(assigned: AssignedGpu[], files: DriverFiles, request: PlanRequest): Record<string, string> {
  const { env } = request.rootfs;
  return {
    NVIDIA_VISIBLE_DEVICES: assigned.flatMap(({ uuids }) => uuids).join(","),
    NVIDIA_DRIVER_CAPABILITIES: request.capabilities.join(","),
    // nvidia-smi and CUDA then count alike.
    CUDA_DEVICE_ORDER: "PCI_BUS_ID",
    PATH: appendToPath(env.PATH, BINARY_FOLDER),
    LD_LIBRARY_PATH: libraryFolders(files).reduce((path, folder) => appendFolder(path, folder), env.LD_LIBRARY_PATH ?? ""),
    ...serviceEnvironment(files),
    ...gdsEnvironment(files, env),
  };
}

/** EGL and Vulkan list the GPUs of the PCI bus, not those of /dev; this profile names the ones to keep, by minor number. */
function applicationProfile(gpus: Gpu[], capabilities: readonly Capability[]): { applicationProfile?: string } {
  if (!capabilities.includes("graphics") && !capabilities.includes("display")) return {};
  const mask = gpus.reduce((bits, gpu) => bits | (1n << BigInt(gpu.minor)), 0n);
  const settings = `["EGLVisibleDGPUDevices", 0x${mask.toString(16)}]`;
  const text = `{"profiles": [{"name": "_container_", "settings": ${settings}}], "rules": [{"pattern": [], "profile": "_container_"}]}\n`;
  return { applicationProfile: text };
}

/** The assigned GPUs' and MIG devices' part of /proc/driver/nvidia. */
function procDriver({ params }: DriverFiles, gpus: Gpu[], mig: MigNode[]): InjectionPlan["procDriver"] {
  if (params === null) return null;
  const shown = [...gpus.map((gpu) => `gpus/${pciAddressOf(gpu.pciBusId)}`), ...mig.map(({ procFile }) => procFile)];
  return { params: withoutDeviceFiles(params), shown };
}

/** With this line NVIDIA's user-space code makes no device nodes by itself (nvidia.ko parameter NVreg_ModifyDeviceFiles). */
function withoutDeviceFiles(params: string): string {
  const lines = params.split("\n").filter((line) => line !== "" && !line.startsWith("ModifyDeviceFiles:"));
  return `${["ModifyDeviceFiles: 0", ...lines].join("\n")}\n`;
}
