/**
 * Where distributions and installers put the driver's 64-bit libraries, below a driver root; the first that has a file wins.
 * 64-bit folders stand before /usr/lib, which holds 32-bit files on Fedora and its kin.
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

export const BINARY_FOLDERS: readonly string[] = ["usr/bin", "usr/sbin", "bin", "usr/local/bin", "opt/bin", "usr/local/nvidia/bin"];
