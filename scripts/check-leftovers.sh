#!/usr/bin/env bash
# Finds mounts, network namespaces, interfaces, cgroups and processes of Berth's on this machine.
# Usage: check-leftovers.sh list            prints them, a line each
#        check-leftovers.sh since FILE      fails when there are some that `list` had not printed into FILE
set -uo pipefail

list() {
  grep -oE ' /[^ ]*(berth|/bth-|/containers/[^ ]*/rootfs)[^ ]*' /proc/self/mountinfo | sed 's/^ /mount /'
  ip netns list 2>/dev/null | awk '/^(berth|bth|bn)/ {print "network namespace " $1}'
  ip -o link 2>/dev/null | awk -F': ' '$2 ~ /^(berth|bth)/ {print "network interface " $2}'
  find /sys/fs/cgroup -type d -path '*/berth/*/*' 2>/dev/null | sed 's/^/cgroup /'
  # A zombie holds nothing; whoever started it has yet to look.
  # By the program it runs: an editor or a shell may name these too.
  ps -eo pid=,stat=,args= | awk '
    $2 ~ /^Z/ { next }
    $3 ~ /(^|\/)lease-guard$/ || ($3 ~ /(^|\/)(conmon|redis-server)$/ && /berth/) || ($3 ~ /(^|\/)node$/ && / [^ ]*bin\/berth\.mjs /) {
      $2 = ""; print "process " $0
    }'
}

case "${1:-}" in
  list) list | sort -u ;;
  since)
    left=$(list | sort -u | comm -13 "${2:?FILE}" -)
    [ -z "$left" ] && exit 0
    printf 'error: left behind:\n%s\n' "$left" >&2
    exit 1
    ;;
  *) sed -n '2,4s/^# //p' "$0"; exit 2 ;;
esac
