/**
 * Where distributions and installers put the driver's libraries, below a driver root, besides what its ld.so.cache names; the
 * first that has a file wins. A file of the other word size in one of them is left out: /usr/lib holds 32-bit files on Fedora
 * and its kin and 64-bit ones on Arch.
 */
export const LIBRARY_FOLDERS: readonly string[] = [
  "usr/lib/x86_64-linux-gnu",
  "usr/lib/x86_64-linux-gnu/nvidia/current",
  "usr/lib/aarch64-linux-gnu",
  "usr/lib/aarch64-linux-gnu/nvidia/current",
  "usr/lib64",
  "usr/lib64/nvidia",
  "lib/x86_64-linux-gnu",
  "lib/aarch64-linux-gnu",
  "lib64",
  "usr/lib",
  "usr/local/nvidia/lib64",
];

export const LIBRARY_FOLDERS_32: readonly string[] = [
  "usr/lib/i386-linux-gnu",
  "usr/lib/i386-linux-gnu/nvidia/current",
  "usr/lib32",
  "usr/lib32/nvidia",
  "usr/lib/nvidia",
  "usr/lib",
  "usr/local/nvidia/lib",
];

/** Below a library folder: VDPAU's and GBM's own. */
export const LIBRARY_SUBFOLDERS: readonly string[] = ["", "vdpau", "gbm"];

/** Debian's alternatives lead from /usr/bin to /usr/lib/nvidia/current. */
export const BINARY_FOLDERS: readonly string[] = [
  "usr/bin",
  "usr/sbin",
  "bin",
  "usr/local/bin",
  "opt/bin",
  "usr/lib/nvidia/current",
  "usr/local/nvidia/bin",
];
