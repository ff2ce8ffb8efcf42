#!/usr/bin/env bash
# Puts the UCI handwritten digits (1,797 images) into data/: they ship inside the python3-sklearn package,
# which is downloaded and read, not installed.
set -euo pipefail
cd "$(dirname "$0")"
target=data/digits.csv.gz
[ -s "$target" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # apt reads as the user _apt
(cd "$work" && apt-get download -qq python3-sklearn 2>/dev/null) || {
  echo "error: apt-get could not download python3-sklearn, which holds the digits data" >&2
  echo "hint: run 'apt-get update' and see that your sources list Debian main or Ubuntu universe" >&2
  exit 1
}
mkdir -p data
dpkg-deb --fsys-tarfile "$work"/python3-sklearn_*.deb |
  tar -xO --wildcards './usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz' >"$work/digits.csv.gz"
gzip -t "$work/digits.csv.gz"
mv "$work/digits.csv.gz" "$target"
