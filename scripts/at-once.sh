# Sourced. `at_once` runs each of the given command lines at the same time, prints what each said once it has ended, and fails if
# one of them failed.
# shellcheck shell=bash

at_once() (
  said=$(mktemp -d)
  pids=()
  # Bash lets background commands ignore Ctrl-C.
  trap 'kill "${pids[@]}" 2>/dev/null; exit 130' INT TERM
  trap 'rm -rf "$said"' EXIT
  for line in "$@"; do
    bash -c "exec $line" >"$said/${#pids[@]}" 2>&1 &
    pids+=("$!")
  done
  failed=0
  for index in "${!pids[@]}"; do
    status=0
    wait "${pids[index]}" || status=$?
    cat "$said/$index"
    [ "$status" -eq 0 ] && continue
    shift_by=$((index + 1))
    echo "error: failed with $status: ${!shift_by}" >&2
    failed=1
  done
  exit "$failed"
)
