import type { DeviceNode, DriverFiles, FileMount, ServiceEndpoint } from "../types.ts";

/**
 * Everything goes below one folder that the image does not have, so nothing of the image is covered or changed. The name is
 * the field's own: CUDA images carry its bin, lib and lib64 in PATH and LD_LIBRARY_PATH already.
 */
export const DRIVER_FOLDER = "/usr/local/nvidia";
export const LIBRARY_FOLDER = `${DRIVER_FOLDER}/lib64`;
export const LIBRARY_FOLDER_32 = `${DRIVER_FOLDER}/lib`;
export const BINARY_FOLDER = `${DRIVER_FOLDER}/bin`;
const MPS_FOLDER = `${DRIVER_FOLDER}/run/nvidia-mps`;
const FILE_OPTIONS = ["ro", "nosuid", "nodev", "bind"];
const SERVICE_OPTIONS = ["nosuid", "nodev", "noexec", "bind"];
/** NVIDIA's libraries know these two at their place in /run only; MPS clients read CUDA_MPS_PIPE_DIRECTORY. */
const SERVICE_PLACES: Readonly<Record<ServiceEndpoint["service"], string>> = {
  persistenced: "/run/nvidia-persistenced/socket",
  fabricmanager: "/run/nvidia-fabricmanager/socket",
  mps: MPS_FOLDER,
  udev: "/run/udev",
};
const CUFILE_SETTINGS = `${DRIVER_FOLDER}/etc/cufile.json`;
/** What a request beside GPUs brings, not a capability. */
export const EXTRA_MOUNTS: readonly string[] = [SERVICE_PLACES.udev, CUFILE_SETTINGS];

/** Each path once: the hook makes a mount point for every mount. */
export function driverMounts(files: DriverFiles): FileMount[] {
  return [
    ...files.libraries.map((file) => mount(file.hostPath, `${LIBRARY_FOLDER}/${file.name}`)),
    ...files.libraries32.map((file) => mount(file.hostPath, `${LIBRARY_FOLDER_32}/${file.name}`)),
    ...files.binaries.map((file) => mount(file.hostPath, `${BINARY_FOLDER}/${file.name}`)),
    ...files.fixedFiles.map((file) => mount(file.hostPath, `${DRIVER_FOLDER}/${file.path}`)),
    ...files.services.map(serviceMount),
  ];
}

/** The links that lie beside the mounted libraries. */
export function driverLinks(files: DriverFiles): { target: string; path: string }[] {
  const linksIn = (folder: string, links: DriverFiles["libraryLinks"]) =>
    links.map(({ name, target }) => ({ target, path: `${folder}/${name}` }));
  return [...linksIn(LIBRARY_FOLDER, files.libraryLinks), ...linksIn(LIBRARY_FOLDER_32, files.libraryLinks32)];
}

/** Where the loader must look: the 32-bit folder only when there is something in it. */
export function libraryFolders(files: DriverFiles): string[] {
  return files.libraries32.length > 0 ? [LIBRARY_FOLDER, LIBRARY_FOLDER_32] : [LIBRARY_FOLDER];
}

/** Where CUDA finds the host's MPS daemon; {} without one. */
export function serviceEnvironment(files: DriverFiles): Record<string, string> {
  return files.services.some(({ service }) => service === "mps") ? { CUDA_MPS_PIPE_DIRECTORY: MPS_FOLDER } : {};
}

/** The machine's settings for GDS count even where the image brings a cufile.json, unless the container names another file. */
export function gdsEnvironment({ fixedFiles }: DriverFiles, env: Readonly<Record<string, string>>): Record<string, string> {
  const isThere = fixedFiles.some(({ path }) => `${DRIVER_FOLDER}/${path}` === CUFILE_SETTINGS);
  return isThere ? { CUFILE_ENV_PATH_JSON: env["CUFILE_ENV_PATH_JSON"] || CUFILE_SETTINGS } : {};
}

/** A GPU's card and render node, each also under its PCI address, where programs look for the card of one GPU. */
export function renderNodes(files: DriverFiles, pciBusId: string): DeviceNode[] {
  const address = pciAddressOf(pciBusId);
  return files.renderNodes
    .filter((entry) => entry.pciAddress === address)
    .flatMap(({ node }) => [node, { ...node, path: `/dev/dri/by-path/pci-${address}-${node.path.includes("/card") ? "card" : "render"}` }]);
}

/** NVML's "00000000:10:00.0" is "0000:10:00.0" for the kernel. */
export function pciAddressOf(pciBusId: string): string {
  return pciBusId.toLowerCase().replace(/^0000(?=[0-9a-f]{4}:)/, "");
}

function mount(hostPath: string, containerPath: string): FileMount {
  return { hostPath, containerPath, options: FILE_OPTIONS };
}

function serviceMount({ service, kind, hostPath }: ServiceEndpoint): FileMount {
  // udev's database is the host's, and read only; pipes and sockets are written to.
  const options = service === "udev" ? ["ro", ...SERVICE_OPTIONS] : SERVICE_OPTIONS;
  return { kind, hostPath, containerPath: SERVICE_PLACES[service], options };
}
