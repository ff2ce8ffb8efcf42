/** What doctor judges: plain data, so that every judgement can be tested for machines we do not have. Null is "not known". */
export interface MachineFacts {
  nodeVersion: string;
  /** Effective user id. */
  userId: number;
  os: { id: string; versionId: string; name: string };
  /** uname -r */
  kernel: string;
  overlay: OverlayFacts;
  cgroups: CgroupFacts;
  /** Names below /proc/self/ns. */
  namespaces: string[];
  seccomp: { kernel: boolean; profile: string | null };
  tools: Record<ToolName, ToolFacts>;
  cni: { folder: string | null; plugins: string[] };
  redis: RedisFacts | null;
  gpu: GpuFacts;
  disk: DiskFacts;
  privileges: { capabilities: string[]; openFiles: number | null };
  /** Parts of Berth that are not built, by path. */
  missingBuiltFiles: string[];
}

export type ToolName = "runc" | "crun" | "conmon" | "redis-server" | "mmdebstrap" | "iptables" | "ip";

export interface ToolFacts {
  /** Null when it is not installed. */
  path: string | null;
  /** Upstream's: "1.1.5". */
  version: string | null;
  /** The distribution's: "1.1.5+ds1-1+deb12u1". */
  packageVersion: string | null;
  /** CVE ids its distribution's changelog names: distributions fix old versions without changing their number. */
  patched: string[];
}

export interface OverlayFacts {
  /** Listed in /proc/filesystems. */
  inKernel: boolean;
  /** Result of a real mount in the data dir's file system; null when it could not be tried. */
  mount: { ok: boolean; message: string } | null;
}

export interface CgroupFacts {
  /** Null when no cgroup file system is mounted. */
  mode: "v1" | "v2" | "hybrid" | null;
  controllers: string[];
}

/** Settings of a Redis that answers. */
export interface RedisFacts {
  address: string;
  version: string;
  /** Null where the server hides CONFIG. */
  appendonly: string | null;
  appendfsync: string | null;
  maxmemoryPolicy: string | null;
  lastWriteStatus: string | null;
}

export interface GpuFacts {
  /** NVIDIA devices on the PCI bus. */
  pciDevices: number;
  /** /dev/nvidiaN. */
  deviceNodes: number;
  /** From the loaded kernel module. */
  kernelDriver: string | null;
  nvml: { driverVersion: string; gpus: number } | { error: string } | null;
}

export interface DiskFacts {
  /** The data dir, or its nearest parent that exists. */
  path: string;
  fsType: string;
  /** It holds Berth's images already. */
  inUse: boolean;
  freeBytes: number;
  totalBytes: number;
  freeInodes: number | null;
  /** Whether folders tell the type of their entries, as overlayfs needs. */
  directoryTypes: boolean | null;
  /** Whether trusted.* extended attributes can be set, as overlayfs needs. */
  trustedXattrs: boolean | null;
}
