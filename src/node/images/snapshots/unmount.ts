import type { Clock } from "../../../shared/domain/index.ts";
import { type Native, readMounts } from "../../platform/index.ts";
import { errnoOf } from "../content/storage-error.ts";

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
/** A scanner or a process in its last breath may hold the mount for a moment. */
const BUSY_TRIES = 20;
const BUSY_WAIT_MS = 25;

/** Unmounts until nothing is there: a crash between two mounts may have stacked them. Not mounted is fine. */
export async function unmountAll(native: Native, clock: Clock, rootfs: string): Promise<void> {
  while (await isMounted(rootfs)) await unmountOnce(native, clock, rootfs);
}

async function unmountOnce(native: Native, clock: Clock, rootfs: string): Promise<void> {
  for (let tries = 0; tries < BUSY_TRIES; tries++) {
    try {
      return await native.unmount(rootfs, UMOUNT_NOFOLLOW);
    } catch (error) {
      if (errnoOf(error) === "EINVAL" || errnoOf(error) === "ENOENT") return;
      if (errnoOf(error) !== "EBUSY") throw error;
      await clock.sleep(BUSY_WAIT_MS);
    }
  }
  // Somebody's file is still open: take the name away now, the kernel frees the rest when the file is closed.
  await native.unmount(rootfs, UMOUNT_NOFOLLOW | MNT_DETACH);
}

/** By /proc/self/mountinfo, so it asks no file system that may hang. */
export async function isMounted(path: string): Promise<boolean> {
  return (await readMounts()).some(({ mountPoint }) => mountPoint === path);
}
