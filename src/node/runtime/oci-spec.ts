/** The parts of the OCI runtime spec (1.0.2, config.md and config-linux.md) that Berth writes. */
export interface OciSpec {
  ociVersion: string;
  hostname: string;
  root: { path: string; readonly: boolean };
  process: OciProcess;
  mounts: OciMount[];
  hooks?: { prestart: OciHook[] };
  annotations: Record<string, string>;
  linux: {
    cgroupsPath: string;
    uidMappings?: OciIdMapping[];
    gidMappings?: OciIdMapping[];
    namespaces: OciNamespace[];
    resources: OciResources;
    maskedPaths: string[];
    readonlyPaths: string[];
    seccomp?: OciSeccomp;
  };
}

export interface OciIdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface OciProcess {
  terminal: boolean;
  user: { uid: number; gid: number; additionalGids: number[] };
  args: string[];
  env: string[];
  cwd: string;
  capabilities: Record<"bounding" | "effective" | "permitted" | "inheritable" | "ambient", string[]>;
  rlimits: OciRlimit[];
  noNewPrivileges: boolean;
  oomScoreAdj: number;
}

export interface OciRlimit {
  type: "RLIMIT_NOFILE" | "RLIMIT_MEMLOCK" | "RLIMIT_CORE" | "RLIMIT_NPROC";
  soft: number;
  hard: number;
}

export interface OciMount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

export interface OciNamespace {
  type: "pid" | "ipc" | "uts" | "mount" | "network" | "cgroup" | "user";
  path?: string;
}

export interface OciDeviceRule {
  allow: boolean;
  type?: "a" | "b" | "c";
  major?: number;
  minor?: number;
  /** Letters of r(ead), w(rite), m(knod). */
  access: string;
}

export interface OciResources {
  devices: OciDeviceRule[];
  memory?: { limit: number; swap?: number };
  cpu?: { shares: number; quota: number; period: number };
  pids: { limit: number };
}

export interface OciHook {
  path: string;
  args: string[];
  env: string[];
  /** Seconds. */
  timeout: number;
}

export interface OciSeccomp {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures: string[];
  syscalls: OciSyscallRule[];
}

export interface OciSyscallRule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo: number; op: string }[];
}
