#!/usr/bin/env bash
# Builds what is not TypeScript: the addon and the executables in native/, the GPU hook and, for tests and simulated
# GPUs, the fake NVIDIA driver. Does nothing when nothing changed. SANITIZE=1 builds the variant that the sanitizer
# test runs (AddressSanitizer and UndefinedBehaviorSanitizer) into native/build-asan instead.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

say() { printf 'build-native: %s\n' "$*"; }

# Two builds at once would write the same files.
exec 9<scripts/build-native.sh
flock 9

node_prefix() { dirname "$(dirname "$(readlink -f "$(command -v node)")")"; }

fingerprint() {
  {
    node --version
    uname -m
    "${CXX:-g++}" -dumpfullversion
    # Which of the optional headers are there decides what is compiled.
    ls /usr/include/isa-l/igzip_lib.h 2>/dev/null || echo "no isa-l"
    find native -path native/build -prune -o -path native/build-asan -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
    sha256sum scripts/build-native.sh scripts/one-unit.sh node_modules/node-addon-api/package.json
  } | sha256sum | cut -d' ' -f1
}

# Compiles unless the stamp says that these very sources are already built.
unless_built() {
  local stamp="$1/.fingerprint" build="$2" now
  now="$(fingerprint)"
  if [[ -f "$stamp" && "$(cat "$stamp")" == "$now" ]]; then
    say "$1 is up to date"
    return
  fi
  "$build"
  echo "$now" >"$stamp"
}

# One source a program: see scripts/one-unit.sh.
write_units() {
  scripts/one-unit.sh "$1/unit.cc" native/src/*.cc
  scripts/one-unit.sh "$1/lease-guard.cc" native/lease-guard/*.cc
}

build_release() {
  local headers=()
  write_units native/build
  # node-gyp would download the headers even where Node came with them.
  if [[ -f "$(node_prefix)/include/node/node.h" ]]; then headers=("--nodedir=$(node_prefix)"); fi
  say "compiling the addon and its executables (about 30 seconds)"
  node_modules/.bin/node-gyp configure build --directory native --release --loglevel=warn --jobs=2 "${headers[@]}"
  ln -sfn cgroup-v1-view native/build/Release/crun-cgroup-v1
}

build_sanitized() {
  local out=native/build-asan
  local flags=(-std=c++17 -O0 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE)
  write_units "$out"
  say "compiling the addon and lease-guard with sanitizers"
  "${CXX:-g++}" "${flags[@]}" -shared -fPIC -DNAPI_VERSION=9 -DNAPI_CPP_EXCEPTIONS -DNODE_GYP_MODULE_NAME=berth \
    -I"$(node_prefix)/include/node" -Inode_modules/node-addon-api "$out/unit.cc" -o "$out/berth.node" -ldl -pthread &
  local addon=$!
  "${CXX:-g++}" "${flags[@]}" "$out/lease-guard.cc" -o "$out/lease-guard"
  wait "$addon"
}

if [[ ! -x node_modules/.bin/node-gyp ]]; then
  echo "build-native: node_modules is missing: run npm ci first" >&2
  exit 1
fi
if [[ "${SANITIZE:-}" == 1 ]]; then
  unless_built native/build-asan build_sanitized
  exit
fi
unless_built native/build build_release
making=()
for part in hooks/gpu-prestart hooks/berth-runtime test/support/fake-nvidia; do
  if [[ -f "$part/Makefile" ]]; then
    say "making $part"
    make --silent --no-print-directory -C "$part" &
    making+=("$!")
  fi
done
for make in "${making[@]}"; do wait "$make"; done
