import { formatBytes } from "../../../../shared/domain/index.ts";
import { type Check, fail, ok, warn } from "../check.ts";
import type { MachineFacts } from "../machine-facts.ts";

const GIB = 1024 ** 3;
const LEAST_FREE = 1 * GIB;
const COMFORTABLE_FREE = 10 * GIB;
const LEAST_INODES = 100_000;
/** File systems overlayfs cannot use for its writable layer, or that lose what was synced. */
const UNFIT = new Set(["overlay", "nfs", "nfs4", "cifs", "smb3", "vfat", "msdos", "exfat", "ntfs", "fuseblk", "9p", "ecryptfs"]);

/** Never more than a warning: without overlayfs the storage driver is vfs. */
export function checkOverlay(facts: MachineFacts): Check {
  const { inKernel, mount } = facts.overlay;
  if (mount?.ok) return ok("overlayfs", "overlayfs", "a test mount works");
  if (mount === null && inKernel)
    return warn("overlayfs", "overlayfs", "in the kernel, not tried", "a test mount needs root", "run `berth doctor` as root");
  const found = mount === null ? "not in the kernel" : `a test mount fails: ${mount.message}`;
  return warn(
    "overlayfs",
    "overlayfs",
    found,
    "each container gets a copy of its image (vfs), and storage limits are refused",
    "modprobe overlay; choose a --data-dir on ext4 or xfs; inside a container, give it CAP_SYS_ADMIN",
  );
}

/**
 * The data dir's file system: its kind, then what it can hold. What doctor could not try (null) is not held against it.
 */
export function checkDisk(facts: MachineFacts): Check {
  const { path, fsType, inUse, freeBytes, totalBytes } = facts.disk;
  const found = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free on ${fsType} at ${path}`;
  const choose = "choose a --data-dir on a local ext4 or xfs file system";
  if (UNFIT.has(fsType)) return fail("disk", "disk", found, `${fsType} cannot hold the writable layers of containers`, choose);
  if (facts.disk.directoryTypes === false)
    return fail(
      "disk",
      "disk",
      found,
      "its folders do not tell file types (d_type), which overlayfs needs",
      "recreate it: mkfs.xfs -n ftype=1, or use ext4",
    );
  if (facts.disk.trustedXattrs === false)
    return fail("disk", "disk", found, "it has no trusted extended attributes, which overlayfs needs", choose);
  if (freeBytes < LEAST_FREE) {
    const meaning = `less than ${formatBytes(LEAST_FREE)}: images do not fit`;
    if (inUse) return warn("disk", "disk", found, meaning, "`berth images rm` and `berth images prune`, or a larger disk");
    return fail("disk", "disk", found, meaning, "free space, or choose another --data-dir");
  }
  if (freeBytes < COMFORTABLE_FREE)
    return warn("disk", "disk", found, "training images are often larger", "free space, or choose another --data-dir");
  if (facts.disk.freeInodes !== null && facts.disk.freeInodes < LEAST_INODES) {
    return warn(
      "disk",
      "disk",
      `${found}, ${facts.disk.freeInodes} inodes`,
      "images have many small files",
      "remove small files, or choose another --data-dir",
    );
  }
  if (fsType === "tmpfs") return warn("disk", "disk", found, "it is memory: images and the queue are gone after a reboot", choose);
  return ok("disk", "disk", found);
}
