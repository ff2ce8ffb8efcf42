# What must be true before anything on the machine is changed. Sourced; `preflight` prints every problem and fails if there is one.
# shellcheck shell=bash

NODE_FLOOR_MAJOR=20
KERNEL_FLOOR=5.11 # overlayfs and openat2 as Berth uses them

problem() {
  echo "error: $1" >&2
  echo "hint: $2" >&2
  problems=$((problems + 1))
}

preflight() {
  local problems=0 kernel
  [ "$(uname -s)" = Linux ] || problem "this is $(uname -s), not Linux" "run Berth on a Linux machine"
  [ "$(id -u)" -eq 0 ] || problem "this needs root: it installs packages, mounts file systems and starts containers" "sudo npm run ${1:-quickstart}"
  command -v apt-get >/dev/null || problem "apt-get is not here: only Debian and Ubuntu are set up by this script" "install the packages listed in scripts/packages.sh with your package manager, then run 'npm ci && npm run build'"
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge "$NODE_FLOOR_MAJOR" ] || problem "Node.js $(node -v) is too old" "install Node.js $NODE_FLOOR_MAJOR or newer"
  kernel=$(uname -r | grep -oE '^[0-9]+\.[0-9]+')
  [ "$(printf '%s\n%s\n' "$KERNEL_FLOOR" "$kernel" | sort -V | head -n1)" = "$KERNEL_FLOOR" ] || problem "kernel $kernel is older than $KERNEL_FLOOR" "upgrade the kernel: apt-get install linux-image-amd64, then reboot"
  grep -qw overlay /proc/filesystems || modprobe -q overlay 2>/dev/null || problem "the kernel has no overlayfs" "modprobe overlay, or boot a kernel built with CONFIG_OVERLAY_FS"
  grep -qw cgroup2 /proc/filesystems || grep -qw cgroup /proc/filesystems || problem "the kernel has no cgroups" "boot a kernel built with CONFIG_CGROUPS"
  grep -qE '/sys/fs/cgroup' /proc/self/mounts || problem "no cgroup hierarchy is mounted at /sys/fs/cgroup" "mount -t cgroup2 none /sys/fs/cgroup"
  local namespace
  for namespace in mnt pid net ipc uts; do
    [ -e "/proc/self/ns/$namespace" ] || problem "the kernel has no $namespace namespaces" "boot a kernel built with CONFIG_NAMESPACES"
  done
  unshare -m true 2>/dev/null || problem "making a mount namespace is not permitted here" "run on a machine or a privileged container that holds CAP_SYS_ADMIN"
  [ "$problems" -eq 0 ] || { echo "nothing was changed" >&2; return 1; }
}
