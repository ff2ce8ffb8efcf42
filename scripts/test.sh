#!/usr/bin/env bash
# Everything a change must pass: setup, lint, types, then unit, contract, integration and e2e tests.
# Usage: npm test [-- vitest arguments]     e.g. npm test -- --project unit
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/preflight.sh
. scripts/preflight.sh
# shellcheck source=scripts/at-once.sh
. scripts/at-once.sh
preflight test
bash scripts/setup.sh --test

echo "==> lint, types of tests and benches"
bash -n scripts/*.sh examples/*/*.sh
at_once "node_modules/.bin/tsc -p test/tsconfig.json" "node_modules/.bin/tsc -p bench/tsconfig.json" \
  "node_modules/.bin/knip" "node_modules/.bin/biome check ."

echo "==> tests"
report=$(mktemp)
before=$(mktemp)
trap 'rm -f "$report" "$before"' EXIT
bash scripts/check-leftovers.sh list >"$before"
status=0
node_modules/.bin/vitest run --reporter=default --reporter=json --outputFile.json="$report" "$@" || status=$?
node scripts/test-summary.mjs "$report"
if [ "$status" -eq 0 ]; then
  bash scripts/check-leftovers.sh since "$before" || status=1
fi
exit "$status"
