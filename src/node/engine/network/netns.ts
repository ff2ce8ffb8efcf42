import { open, readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { BerthError } from "../../../shared/domain/index.ts";
import { type Native, runProgram } from "../../platform/index.ts";

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
/** linux/magic.h */
const NSFS_MAGIC = 0x6e736673;

/**
 * As in Docker's, any user may take port 80: it is the container's own, and the root of a user namespace has no capability
 * over a network namespace that was made before it.
 */
const LOW_PORTS = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
const ALLOW_LOW_PORTS = `[ ! -w ${LOW_PORTS} ] || echo 0 >${LOW_PORTS}`;

/** Network namespaces kept alive by a bind mount in a folder of ours, as `ip netns` does in /run/netns. */
export interface PinnedNamespaces {
  path(name: string): string;
  create(name: string): Promise<void>;
  /** False for a file that a crash or a reboot left without its namespace. */
  isPinned(name: string): Promise<boolean>;
  /** Missing is fine. */
  remove(name: string): Promise<void>;
  list(): Promise<string[]>;
}

/** `folder` must be there. @throws BerthError (create) container_start_failed with what unshare said */
export function pinnedNamespaces(folder: string, native: Pick<Native, "unmount">): PinnedNamespaces {
  const path = (name: string) => join(folder, name);
  return {
    path,
    async create(name) {
      const file = await open(path(name), "wx", 0o600);
      await file.close();
      const result = await runProgram("/usr/bin/unshare", [`--net=${path(name)}`, "/bin/sh", "-c", ALLOW_LOW_PORTS], { timeoutMs: 10_000 });
      if (result.code !== 0) throw new BerthError("container_start_failed", `cannot make a network namespace: ${result.stderr.trim()}`);
    },
    async isPinned(name) {
      const found = await statfs(path(name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return null;
        throw error;
      });
      return found?.type === NSFS_MAGIC;
    },
    async remove(name) {
      await native.unmount(path(name), MNT_DETACH | UMOUNT_NOFOLLOW).catch((error: NodeJS.ErrnoException) => {
        // EINVAL: a file without a mount, left by a crash or a reboot.
        if (error.code !== "EINVAL" && error.code !== "ENOENT") throw error;
      });
      await rm(path(name), { force: true });
    },
    list: () => readdir(folder),
  };
}
