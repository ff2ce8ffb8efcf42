#!/usr/bin/env bash
# Measures Berth beside its peers. Usage: npm run bench:<topic>   (topics are the folders of bench/)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/preflight.sh
. scripts/preflight.sh
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
topic=${1:?usage: npm run bench:TOPIC}
[ -f "bench/$topic/$topic.ts" ] || { echo "error: no such bench: $topic" >&2; echo "hint: topics: $(ls -d bench/*/ | grep -v results | xargs -n1 basename | tr '\n' ' ')" >&2; exit 2; }
preflight "bench:$topic"
bash scripts/setup.sh --test
install_packages "${BENCH_PACKAGES[@]}"
exec node --import tsx "bench/$topic/$topic.ts"
