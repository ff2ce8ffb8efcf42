#!/usr/bin/env bash
# Writes a C++ source that includes the given ones: the headers of JSON and Node-API, by far the most of a compilation,
# are then read once a program instead of once a file. Left alone when it would say the same, so that make sees no change.
# Usage: one-unit.sh OUT SOURCE...
set -euo pipefail
out=$1
shift
mkdir -p "$(dirname "$out")"
text=$(for source in "$@"; do printf '#include "%s"\n' "$(realpath "$source")"; done)
[ -f "$out" ] && [ "$(cat "$out")" = "$text" ] && exit 0
printf '%s\n' "$text" >"$out.$$"
mv -f "$out.$$" "$out"
