#!/usr/bin/env bash
# From a fresh clone to a trained network: installs what is missing, builds Berth, starts it on this machine, makes the images,
# runs the example job (on simulated GPUs too where there is no GPU), prints the result, stops what it started.
# Usage: npm run quickstart [-- --keep] [-- --data-dir DIR]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/preflight.sh
. scripts/preflight.sh
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

keep= data_dir=/var/lib/berth listen=127.0.0.1:8470
while [ $# -gt 0 ]; do
  case "$1" in
    --keep) keep=1 ;;
    --data-dir) data_dir=$(realpath -m "${2:?--data-dir needs a folder}"); shift ;;
    --listen) listen=${2:?--listen needs HOST:PORT}; shift ;;
    -h | --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
    *) echo "error: unknown option $1" >&2; echo "hint: npm run quickstart -- [--keep] [--data-dir DIR] [--listen HOST:PORT]" >&2; exit 2 ;;
  esac
  shift
done

started_at=$SECONDS
say() { printf '\n\033[1m==> %s\033[0m\n' "$1"; }
[ -n "${NO_COLOR:-}" ] || [ ! -t 1 ] && say() { printf '\n==> %s\n' "$1"; }
berth() { node bin/berth.mjs "$@"; }

preflight quickstart
mapfile -t to_install < <(missing_packages "${RUNTIME_PACKAGES[@]}" "${BUILD_PACKAGES[@]}")
say "Berth quickstart"
echo "packages to install with apt: ${to_install[*]:-none, all are here}"
echo "node modules: in ./node_modules, by npm ci"
echo "data (images, volumes, queue): $data_dir"

say "setting up"
bash scripts/setup.sh

run_dir=/run/berth
[ "$data_dir" = /var/lib/berth ] || run_dir=$data_dir/run
export BERTH_HOST=unix://$run_dir/api.sock BERTH_NODE=unix://$run_dir/node.sock

say "checking the machine (berth doctor)"
berth doctor --data-dir "$data_dir"

started_berth=
finish() {
  local status=$?
  trap - EXIT
  if [ -n "$started_berth" ] && [ -z "$keep" ]; then
    say "stopping Berth"
    berth down --data-dir "$data_dir" || status=1
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

gpu_options=()
if ! compgen -G '/dev/nvidia[0-9]*' >/dev/null; then
  gpu_options=(--simulate-gpus 4)
fi
if berth version -o json 2>/dev/null | grep -q '"server": *{'; then
  say "Berth already runs on this machine: using it"
else
  say "starting Berth (berth up${gpu_options[*]:+ ${gpu_options[*]}})"
  berth up --detach --data-dir "$data_dir" --listen "$listen" "${gpu_options[@]}"
  started_berth=1
fi
berth nodes

# The machine's own distribution: its mirrors and keys are here already.
base=$(. /etc/os-release && echo "$ID:$VERSION_CODENAME")
say "the base image: $base with NumPy, from the distribution's packages"
berth image bootstrap "$base" --include python3-numpy

say "the example's image"
examples/digits/fetch-data.sh
berth build -t digits --build-arg "BASE=$base" examples/digits

# Submits a job file, follows its log, prints what it cost and where the checkpoint lies.
run_example() {
  local file=$1 id
  id=$(berth submit "$file" -o name)
  id=${id#job/}
  berth logs --follow "$id"
  berth wait "$id"
  berth get "$id" -o json | node scripts/print-result.mjs "$data_dir"
}

say "training on the CPU (examples/digits/job.yaml)"
run_example examples/digits/job.yaml

if [ "${#gpu_options[@]}" -gt 0 ]; then
  say "the same job with one GPU, on SIMULATED GPUs: this machine has none"
else
  say "the same job with one GPU"
fi
run_example examples/digits/job-gpu.yaml

say "done in $((SECONDS - started_at)) s"
if [ -n "$keep" ]; then
  echo "Berth goes on running: dashboard API at http://$listen/docs, 'node bin/berth.mjs ps -a' lists the jobs, 'node bin/berth.mjs down' stops it"
fi
