#!/usr/bin/env bash
# Fails when a test (or quickstart) left a mount, network namespace, bridge, cgroup or process of Berth's behind.
set -uo pipefail
found=0
report() {
  [ -n "$2" ] || return 0
  printf 'error: left behind: %s\n%s\n' "$1" "$2" >&2
  found=1
}
report "mounts" "$(grep -E ' /[^ ]*(berth|/containers/[^ ]*/rootfs)' /proc/self/mountinfo | awk '{print $5}')"
report "network namespaces" "$(ip netns list 2>/dev/null | grep -E '^(berth|bn)' || true)"
report "network interfaces" "$(ip -o link 2>/dev/null | awk -F': ' '{print $2}' | grep -E '^(berth|br-berth|bth)' || true)"
report "cgroups" "$(find /sys/fs/cgroup -type d -path '*/berth/*/*' 2>/dev/null | head -5)"
report "processes" "$(pgrep -af 'lease-guard|conmon .*berth|berth\.mjs|redis-server .*berth' || true)"
exit "$found"
