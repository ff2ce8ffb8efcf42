import type { IdMapping, OwnPrivileges } from "../platform/index.ts";
import type { OciDeviceRule, OciHook, OciSeccomp } from "./oci-spec.ts";

/** Everything an OCI spec is made from: plain data, already looked up, so that `buildSpec` decides without any I/O. */
export interface SpecInput {
  id: string;
  /** Absolute host path of the mounted root filesystem. */
  rootfs: string;
  hostname: string;
  /** Folder below the cgroup root, "/berth/<instance>/<id>". */
  cgroupsPath: string;
  process: ProcessInput;
  user: ResolvedUser;
  /** Runs it in a user namespace of its own, whose ids are these of the host; null or left out in the host's. */
  idMapping?: IdMapping | null;
  /** What the agent itself may grant: nothing beyond it is asked of the kernel. */
  agent: OwnPrivileges;
  /** Null runs without a filter: only for the probe of a runtime. */
  seccomp: OciSeccomp | null;
  network: { kind: "host" } | { kind: "private" } | { kind: "join"; path: string };
  mounts: MountInput[];
  /** Host files shown as /etc/hosts, /etc/hostname and /etc/resolv.conf. */
  identityFiles: { hosts: string; hostname: string; resolvConf: string } | null;
  /** Bytes of /dev/shm; null takes the memory limit, or 64 MiB without one. */
  shmBytes: number | null;
  resources: ResourceInput;
  prestartHooks: OciHook[];
  /** `cpuN` folders' thermal_throttle etc., found on the host: the spec knows no wildcards. */
  hostMaskedPaths: string[];
  readonlyRootfs: boolean;
}

export interface ProcessInput {
  image: { entrypoint: string[]; cmd: string[]; env: string[]; workingDir: string };
  /** Kubernetes' command and args; null keeps the image's. */
  command: string[] | null;
  args: string[] | null;
  env: Record<string, string>;
  workdir: string | null;
}

export interface ResolvedUser {
  uid: number;
  gid: number;
  additionalGids: number[];
  /** From the image's /etc/passwd; null when the user has no entry. */
  home: string | null;
}

export interface MountInput {
  /** Absolute host path. */
  source: string;
  /** Absolute path in the container. */
  target: string;
  readOnly: boolean;
}

export interface ResourceInput {
  cpuMillis: number | null;
  memoryBytes: number | null;
  pidsLimit: number;
  /** The kernel accounts swap: memory and swap are limited together. */
  swapAccounting: boolean;
  deviceRules: OciDeviceRule[];
}
