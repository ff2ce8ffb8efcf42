import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openPrivateMachine, type PrivateMachine } from "../../integration/gpu/support/private-machine.ts";

/**
 * The first argument is the home of the overlay, the second the lower folders, the third the folder that is seen under its own name.
 * A real root and no chroot: who enters a mount namespace made from this one, as our hook does, must find itself in it. The unified
 * tree of a hybrid host is hidden: crun refuses to work where it sees it.
 */
const SCRIPT = `set -e
root=$1/root
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
umount "$root/sys/fs/cgroup/unified" 2>/dev/null || true
mkdir -p "$root$3" && mount --bind "$3" "$root$3"
cd "$root"
mkdir old
pivot_root . old
exec /usr/bin/busybox sh -c 'busybox umount -l /old && echo ready && exec busybox cat'`;

/** A machine with the engines of `root`, what an installer wrote below `prefix` in its place, and `folder` under its own name. */
export async function openEngineMachine(places: { root: string; prefix: string; folder: string }): Promise<PrivateMachine> {
  const { root, prefix, folder } = places;
  const home = join(folder, "engine-machine");
  for (const name of ["root", "upper", "work"]) await mkdir(join(home, name), { recursive: true });
  return openPrivateMachine(SCRIPT, [home, `${prefix}:${root}`, folder]);
}
