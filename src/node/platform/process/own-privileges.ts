import { readFile } from "node:fs/promises";
import { BerthError } from "../../../shared/domain/index.ts";
import type { Native } from "../native.ts";

/** Bit order of linux/capability.h. */
const CAPABILITIES =
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
    .split(" ")
    .map((name) => `CAP_${name}`);

export interface OwnPrivileges {
  /** Capabilities both effective and in the bounding set: what a child can be given. "CAP_SYS_ADMIN". */
  capabilities: string[];
  /** Hard limits; Infinity for none. */
  rlimits: { nofile: number; memlock: number; nproc: number; core: number };
}

/** What this process holds and so may hand on: asking a runtime for more makes the container fail to start. */
export async function readOwnPrivileges(native: Pick<Native, "rlimit">): Promise<OwnPrivileges> {
  const hard = (resource: Parameters<Native["rlimit"]>[0]) => native.rlimit(resource).hard;
  return {
    capabilities: parseCapabilities(await readFile("/proc/self/status", "utf8")),
    rlimits: { nofile: hard("nofile"), memlock: hard("memlock"), nproc: hard("nproc"), core: hard("core") },
  };
}

/** Names in both CapBnd and CapEff of a /proc/PID/status text; bits newer than this list are left out. */
export function parseCapabilities(status: string): string[] {
  const held = mask(status, "CapBnd") & mask(status, "CapEff");
  return CAPABILITIES.filter((_, bit) => ((held >> BigInt(bit)) & 1n) === 1n);
}

function mask(status: string, field: string): bigint {
  const match = new RegExp(`^${field}:\\s*([0-9a-f]+)$`, "m").exec(status);
  if (!match) throw new BerthError("internal", `/proc/self/status has no ${field}`);
  return BigInt(`0x${match[1]}`);
}
