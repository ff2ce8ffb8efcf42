#!/usr/bin/env bash
# The GPU suite: inventory, containers, CUDA, isolation, memory left behind. For a machine with an NVIDIA GPU and its driver; no network.
# Needs Node and node_modules, and what `npm run build:native` built or g++ and make to build it. Containers need root, runc or crun,
# conmon and the seccomp profile of containers-common; CUDA needs a C compiler. What is missing is named, and the rest is run.
# BERTH_DRIVER_ROOT: where the driver lies, when it is neither in / nor in /run/nvidia/driver.
set -euo pipefail
cd "$(dirname "$0")/.."
die() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 1; }
command -v node >/dev/null || die "node is missing" "unpack Node 20.18 or later and put its bin folder into PATH"
[ -x node_modules/.bin/vitest ] || die "node_modules is missing" "npm ci where there is a network, and bring the folder"
if compgen -G '/dev/nvidia[0-9]*' >/dev/null; then
  PATH=$PATH:/usr/local/nvidia/bin LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}:/usr/local/nvidia/lib64 \
    nvidia-smi --query-gpu=name,driver_version --format=csv,noheader || echo "no nvidia-smi in PATH that works"
else
  echo "no NVIDIA GPU here: only what simulated GPUs can show is run"
fi
if command -v g++ >/dev/null && command -v make >/dev/null; then
  bash scripts/build-native.sh
elif [ ! -e native/build/Release/berth.node ] || [ ! -x hooks/gpu-prestart/build/gpu-prestart ]; then
  die "g++ and make are missing, and the addon and the hook are not built" "npm run build:native where they are, and bring native/build and hooks/*/build"
else
  echo "g++ or make is missing: running with the addon and hook that were brought"
fi
exec node_modules/.bin/vitest run --project gpu "$@"
