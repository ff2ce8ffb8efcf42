#!/usr/bin/env bash
# The GPU suite: inventory, containers, CUDA, isolation, memory left behind. Needs an NVIDIA GPU with its driver, runc (or crun), conmon,
# gcc and the seccomp profile of containers-common; no network. Without a GPU the parts that do not need one run on simulated GPUs.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "error: this needs root" >&2; echo "hint: sudo npm run test:gpu" >&2; exit 1; }
missing=()
for program in conmon gcc make tar; do command -v "$program" >/dev/null || missing+=("$program"); done
command -v runc >/dev/null || command -v crun >/dev/null || missing+=("runc or crun")
[ -e /usr/share/containers/seccomp.json ] || missing+=("golang-github-containers-common (seccomp profile)")
[ -d node_modules ] || missing+=("node_modules (npm ci, where there is a network)")
if [ "${#missing[@]}" -gt 0 ]; then
  printf 'error: missing: %s\n' "${missing[@]}" >&2
  echo "hint: apt-get install runc conmon gcc make golang-github-containers-common" >&2
  exit 1
fi
if compgen -G '/dev/nvidia[0-9]*' >/dev/null; then
  nvidia-smi --query-gpu=name,driver_version --format=csv,noheader || true
else
  echo "no NVIDIA GPU here: only what simulated GPUs can show is run"
fi
bash scripts/build-native.sh
exec node_modules/.bin/vitest run --project gpu "$@"
