import type { DriverFiles, ServiceEndpoint } from "../types.ts";
import type { CdiMount } from "./cdi-types.ts";

/**
 * Where loaders look without any cache or variable: Debian and its kin, and Fedora and its kin. A specification is made before
 * anybody knows the image, so both get the libraries.
 */
const LIBRARY_PLACES: Readonly<Record<string, readonly string[]>> = {
  x64: ["/usr/lib/x86_64-linux-gnu", "/usr/lib64"],
  arm64: ["/usr/lib/aarch64-linux-gnu", "/usr/lib64"],
};
const LIBRARY_PLACES_32: readonly string[] = ["/usr/lib/i386-linux-gnu"];
const FILE_OPTIONS = ["ro", "nosuid", "nodev", "bind"];
const SERVICE_OPTIONS = ["nosuid", "nodev", "noexec", "bind"];
const SERVICE_PLACES: Readonly<Record<ServiceEndpoint["service"], string>> = {
  persistenced: "/run/nvidia-persistenced/socket",
  fabricmanager: "/run/nvidia-fabricmanager/socket",
  mps: "/tmp/nvidia-mps",
  udev: "/run/udev",
};

/**
 * Every driver file at the place where it is looked for. CDI has no links, so a library is bound once for each of its names: then
 * no hook has to make links or an ld.so.cache, both of which would land in the container's writable layer.
 */
export function cdiMounts(files: DriverFiles): CdiMount[] {
  const mounts = [
    ...libraries(files.libraries, files.libraryLinks, LIBRARY_PLACES[process.arch] ?? []),
    ...libraries(files.libraries32, files.libraryLinks32, LIBRARY_PLACES_32),
    ...files.binaries.map(({ name, hostPath }) => mount(hostPath, `/usr/bin/${name}`)),
    ...files.fixedFiles.map(({ place, hostPath }) => mount(hostPath, place)),
    ...files.services.map(({ service, hostPath }) => mount(hostPath, SERVICE_PLACES[service], SERVICE_OPTIONS)),
  ];
  return mounts.filter((one, at) => mounts.findIndex((other) => other.containerPath === one.containerPath) === at);
}

function libraries(files: DriverFiles["libraries"], links: DriverFiles["libraryLinks"], places: readonly string[]): CdiMount[] {
  const linked = links.flatMap(({ name, target }) =>
    files.filter((file) => file.name === target).map(({ hostPath }) => ({ name, hostPath })),
  );
  return places.flatMap((place) => [...files, ...linked].map(({ name, hostPath }) => mount(hostPath, `${place}/${name}`)));
}

function mount(hostPath: string, containerPath: string, options: readonly string[] = FILE_OPTIONS): CdiMount {
  return { hostPath, containerPath, options: [...options] };
}
