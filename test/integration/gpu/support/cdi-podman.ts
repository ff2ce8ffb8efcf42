import { existsSync } from "node:fs";
import { readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { until } from "../../../support/poll.ts";
import { CGROUP_PARENT, removeTestCgroups } from "./container.ts";
import { exec, type Finished } from "./exec.ts";

/**
 * podman 4 reads CDI files from /etc/cdi and /run/cdi and nowhere else. A mount namespace of its own has a /run of its own, so that
 * the specification is seen by this one podman only and tests that run at the same time do not meet.
 */
const SCRIPT = 'mount -t tmpfs tmpfs /run && mkdir /run/cdi && mount --bind "$1" /run/cdi && shift && exec podman "$@"';

export interface CdiPodman {
  run(devices: string[], ...command: string[]): Promise<Finished>;
}

/**
 * podman with a store of its own below `folder`, that knows the CDI files of `cdiDir` and runs in `rootfs`. Call
 * removePodmanCgroups at the end.
 */
export function cdiPodman({ folder, cdiDir, rootfs }: { folder: string; cdiDir: string; rootfs: string }): CdiPodman {
  const store = ["--root", join(folder, "podman"), "--runroot", join(folder, "podman-run"), "--tmpdir", join(folder, "podman-tmp")];
  const globals = [...store, "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none", "--runtime", "runc"];
  // Root without CAP_SYS_RESOURCE cannot have podman's default limits.
  const options = [
    "--rm",
    "--cgroup-parent",
    `/${CGROUP_PARENT}`,
    "--network",
    "none",
    "--ulimit",
    "nofile=1024:1024",
    "--ulimit",
    "nproc=1000:1000",
  ];
  return {
    run: async (devices, ...command) => {
      const wanted = devices.flatMap((device) => ["--device", device]);
      const call = [...globals, "run", ...options, ...wanted, "--rootfs", rootfs, ...command];
      return exec("unshare", ["-m", "--propagation", "private", "sh", "-c", SCRIPT, "sh", cdiDir, ...call]);
    },
  };
}

/** podman keeps conmon in a cgroup beside the containers' and leaves it behind; the last conmon may still be on its way out. */
export async function removePodmanCgroups(): Promise<void> {
  const hierarchies = (await readdir("/sys/fs/cgroup")).map((name) => join("/sys/fs/cgroup", name, CGROUP_PARENT, "conmon"));
  for (const folder of hierarchies.filter((path) => existsSync(path))) {
    await until(`${folder} to be empty`, 60, async () => rmdir(folder).then(() => true));
  }
  await removeTestCgroups();
}
