#!/usr/bin/env bash
# Everything between a fresh clone and a built Berth: packages, node modules, TypeScript, addon and hook.
# Usage: scripts/setup.sh [--test]   (--test adds what the tests need)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
# shellcheck source=scripts/at-once.sh
. scripts/at-once.sh

packages=("${RUNTIME_PACKAGES[@]}" "${BUILD_PACKAGES[@]}")
[ "${1:-}" = --test ] && packages+=("${TEST_PACKAGES[@]}")
install_packages "${packages[@]}"

# npm ci takes half a minute even when nothing changed: done again only when the lockfile or Node did.
wanted="$(sha256sum package-lock.json | cut -d' ' -f1) $(node -v)"
if [ "$(cat node_modules/.berth-lock 2>/dev/null)" != "$wanted" ]; then
  echo "==> npm ci"
  npm ci --no-audit --no-fund --loglevel=error
  echo "$wanted" >node_modules/.berth-lock
fi
echo "==> building addon, hook and TypeScript"
at_once "bash scripts/build-native.sh" "node_modules/.bin/tsc -b"
