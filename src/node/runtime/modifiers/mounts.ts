import type { OciMount, OciSpec } from "../oci-spec.ts";
import type { MountInput, SpecInput } from "../spec-input.ts";

const DEFAULT_SHM_BYTES = 64 * 2 ** 20;

/** The kernel's filesystems, the identity files Docker binds too, then what the request mounts. */
export function withMounts(spec: OciSpec, input: SpecInput): OciSpec {
  return { ...spec, mounts: [...kernelMounts(input), ...identityMounts(input), ...input.mounts.map(bind)] };
}

function kernelMounts(input: SpecInput): OciMount[] {
  return [
    mount("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
    mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    mount("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    mount("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", `size=${shmBytes(input)}`]),
    mount("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    sysMount(input),
    mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]),
  ];
}

/**
 * The kernel mounts sysfs only for who owns the network namespace. One that was made before the container, or the host's,
 * is not its user namespace's: then the host's /sys is shown, and with it what is mounted below.
 */
function sysMount({ idMapping, network }: SpecInput): OciMount {
  const foreign = idMapping !== undefined && idMapping !== null && network.kind !== "private";
  if (foreign) return mount("/sys", "bind", "/sys", ["rbind", "rprivate", "nosuid", "noexec", "nodev", "ro"]);
  return mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]);
}

/** As large as the memory request by default: data loaders pass batches through it, and its pages are charged to the limit anyway. */
function shmBytes(input: SpecInput): number {
  return input.shmBytes ?? input.resources.memoryBytes ?? DEFAULT_SHM_BYTES;
}

function identityMounts(input: SpecInput): OciMount[] {
  if (input.identityFiles === null) return [];
  const { hosts, hostname, resolvConf } = input.identityFiles;
  return [
    bind({ source: hosts, target: "/etc/hosts", readOnly: false }),
    bind({ source: hostname, target: "/etc/hostname", readOnly: false }),
    bind({ source: resolvConf, target: "/etc/resolv.conf", readOnly: false }),
  ];
}

function bind({ source, target, readOnly }: MountInput): OciMount {
  return mount(target, "bind", source, ["rbind", "rprivate", "nosuid", "nodev", readOnly ? "ro" : "rw"]);
}

function mount(destination: string, type: string, source: string, options: string[]): OciMount {
  return { destination, type, source, options };
}
