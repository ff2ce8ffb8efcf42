import type { MachineFacts } from "../../../src/node/platform/index.ts";

const CAPABILITIES =
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_ADMIN NET_RAW SYS_CHROOT SYS_PTRACE SYS_ADMIN SYS_RESOURCE MKNOD SETFCAP BPF"
    .split(" ")
    .map((name) => `CAP_${name}`);

function tool(version: string, packageVersion: string, patched: string[] = []) {
  return { path: "/usr/bin/tool", version, packageVersion, patched };
}

const RUNC_2024 = ["CVE-2021-30465", "CVE-2022-29162", "CVE-2023-27561", "CVE-2023-28642", "CVE-2024-21626"];
const REDIS_2025 = ["CVE-2025-46817", "CVE-2025-46818", "CVE-2025-46819", "CVE-2025-49844"];

/** With the packages of scripts/packages.sh on a server install. */
export const DEBIAN_12: MachineFacts = {
  nodeVersion: "v20.20.2",
  userId: 0,
  os: { id: "debian", versionId: "12", name: "Debian GNU/Linux 12 (bookworm)" },
  kernel: "6.1.0-37-amd64",
  overlay: { inKernel: true, mount: { ok: true, message: "" } },
  cgroups: { mode: "v2", controllers: ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"] },
  namespaces: ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"],
  seccomp: { kernel: true, profile: "/usr/share/containers/seccomp.json" },
  tools: {
    runc: tool("1.1.5", "1.1.5+ds1-1+deb12u1", RUNC_2024),
    crun: tool("1.8.1", "1.8.1-1+deb12u1"),
    conmon: tool("2.1.6", "2.1.6+ds1-1"),
    "redis-server": tool("7.0.15", "5:7.0.15-1~deb12u6", REDIS_2025),
    mmdebstrap: tool("1.3.5", "1.3.5-7"),
    iptables: tool("1.8.9", "1.8.9-2"),
    ip: tool("6.1.0", "6.1.0-3"),
  },
  cni: { folder: "/usr/lib/cni", plugins: ["bridge", "host-local", "loopback", "portmap"] },
  redis: null,
  gpu: { pciDevices: 0, deviceNodes: 0, kernelDriver: null, nvml: null },
  disk: {
    path: "/var/lib",
    fsType: "ext4",
    inUse: false,
    freeBytes: 80 * 2 ** 30,
    totalBytes: 250 * 2 ** 30,
    freeInodes: 15_000_000,
    directoryTypes: true,
    trustedXattrs: true,
  },
  privileges: { capabilities: CAPABILITIES, openFiles: 1_048_576 },
  missingBuiltFiles: [],
};

export const DEBIAN_13: MachineFacts = {
  ...DEBIAN_12,
  os: { id: "debian", versionId: "13", name: "Debian GNU/Linux 13 (trixie)" },
  kernel: "6.12.38+deb13-amd64",
  tools: {
    ...DEBIAN_12.tools,
    runc: tool("1.1.15", "1.1.15+ds1-2+b4", [...RUNC_2024, "CVE-2024-45310"]),
    crun: tool("1.21", "1.21-1"),
    conmon: tool("2.1.12", "2.1.12-4"),
    "redis-server": tool("8.0.2", "5:8.0.2-3+deb13u2", REDIS_2025),
  },
};

export const UBUNTU_22_04: MachineFacts = {
  ...DEBIAN_12,
  os: { id: "ubuntu", versionId: "22.04", name: "Ubuntu 22.04.5 LTS" },
  kernel: "5.15.0-122-generic",
  tools: {
    ...DEBIAN_12.tools,
    runc: tool("1.1.12", "1.1.12-0ubuntu2~22.04.1", RUNC_2024),
    crun: tool("0.17", "0.17+dfsg-1.1"),
    conmon: tool("2.0.25", "2.0.25+ds1-1.1"),
    "redis-server": tool("6.0.16", "5:6.0.16-1ubuntu1", REDIS_2025),
    mmdebstrap: tool("0.8.4", "0.8.4-1"),
  },
};

export const UBUNTU_24_04: MachineFacts = {
  ...DEBIAN_12,
  os: { id: "ubuntu", versionId: "24.04", name: "Ubuntu 24.04.2 LTS" },
  kernel: "6.8.0-60-generic",
  tools: {
    ...DEBIAN_12.tools,
    runc: tool("1.1.12", "1.1.12-0ubuntu3.1", RUNC_2024),
    crun: tool("1.14.1", "1.14.1-1"),
    conmon: tool("2.1.10", "2.1.10+ds1-1build2"),
    "redis-server": tool("7.0.15", "5:7.0.15-1ubuntu0.24.04.1", REDIS_2025),
    mmdebstrap: tool("1.4.3", "1.4.3-6"),
  },
};
