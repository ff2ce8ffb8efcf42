#!/usr/bin/env bash
# Every property test again and again, each round from another seed and with more runs than `npm test` makes, until the time
# or the rounds are over or one fails. Prints each round's seed; a failure prints how to repeat it.
# Usage: npm run soak:properties [-- test files]
#   BERTH_SOAK_MINUTES  how long (10); BERTH_SOAK_ROUNDS  so many rounds instead
#   BERTH_TEST_RUNS     runs of each property as a multiple of npm test's (10)
#   BERTH_TEST_SEED     the first round's seed (random)
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=${BERTH_SOAK_MINUTES:-10}
rounds=${BERTH_SOAK_ROUNDS:-0}
export BERTH_TEST_RUNS=${BERTH_TEST_RUNS:-10}
for number in "$minutes" "$rounds" "$BERTH_TEST_RUNS" "${BERTH_TEST_SEED:-0}"; do
  [[ "$number" =~ ^[0-9]+$ ]] || { echo "soak-properties: '$number' is not a whole number" >&2; exit 2; }
done

if [ "$#" -gt 0 ]; then files=("$@"); else mapfile -t files < <(grep -rl --include='*.test.ts' 'from "fast-check"' test/unit | sort); fi
end=$((SECONDS + minutes * 60))
round=0
while [ "$round" -eq 0 ] || { if [ "$rounds" -gt 0 ]; then [ "$round" -lt "$rounds" ]; else [ "$SECONDS" -lt "$end" ]; fi; }; do
  round=$((round + 1))
  seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
  if [ "$round" -eq 1 ]; then seed=${BERTH_TEST_SEED:-$seed}; fi
  # fast-check takes a signed 32-bit number.
  seed=$((seed % 2147483647))
  echo "==> round $round, seed $seed, $BERTH_TEST_RUNS times the runs of npm test"
  if ! BERTH_TEST_SEED=$seed node_modules/.bin/vitest run --project unit --testTimeout 3600000 --reporter=dot "${files[@]}"; then
    echo "soak-properties: failed in round $round. Again: BERTH_SOAK_ROUNDS=1 BERTH_TEST_RUNS=$BERTH_TEST_RUNS BERTH_TEST_SEED=$seed npm run soak:properties" >&2
    exit 1
  fi
done
echo "soak-properties: $round rounds passed in $((SECONDS / 60)) min"
