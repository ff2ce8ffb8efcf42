#!/usr/bin/env bash
# Gives the GPUs of this machine to containers of podman, Docker, containerd or CRI-O, without Berth running.
# Usage: hooks/install.sh --for podman|docker|containerd|crio|cdi [options]
#   --runtime PATH       the OCI runtime behind berth-runtime (default: runc, else crun, as found)
#   --driver-root DIR    where the NVIDIA driver is installed (default /)
#   --simulated          the driver root is one of simulated GPUs
#   --root PREFIX        write below PREFIX instead of / (for packages and tests)
#   --dry-run            only show what would be written
#   --uninstall          take it away again
# Run it again after an update of Berth; files that are right already are left alone.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)

engine= runtime= driver_root=/ simulated= prefix= dry_run= uninstall=
while [ $# -gt 0 ]; do
  case $1 in
    --for) engine=${2:?}; shift ;;
    --runtime) runtime=${2:?}; shift ;;
    --driver-root) driver_root=${2:?}; shift ;;
    --simulated) simulated=1 ;;
    --root) prefix=$(readlink -m "${2:?}"); shift ;;
    --dry-run) dry_run=1 ;;
    --uninstall) uninstall=1 ;;
    -h | --help) sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "install: unknown option $1; see --help" >&2; exit 2 ;;
  esac
  shift
done
case $engine in podman | docker | containerd | crio | cdi) ;; *) echo "install: say --for podman, docker, containerd, crio or cdi" >&2; exit 2 ;; esac
[ -n "$runtime" ] || runtime=$(command -v runc || command -v crun) || { echo "install: neither runc nor crun is installed" >&2; exit 1; }

libexec=$prefix/usr/local/libexec/berth
settings=$prefix/etc/berth/runtime.json
run=$prefix/run/berth
udev=$prefix/etc/udev/rules.d/71-berth-gpu.rules

# Writes stdin to a file as a whole; says so; does nothing where the file says it already.
put() {
  local path=$1 mode=$2 text
  text=$(cat)
  if [ -n "$dry_run" ]; then printf '==> would write %s\n%s\n' "$path" "$text"; return; fi
  if [ -f "$path" ] && [ "$text" = "$(cat "$path")" ]; then echo "==> unchanged $path"; return; fi
  mkdir -p "$(dirname "$path")"
  printf '%s\n' "$text" >"$path.new" && chmod "$mode" "$path.new" && mv -f "$path.new" "$path"
  echo "==> wrote $path"
}

put_program() {
  local from=$1 to=$libexec/${1##*/}
  [ -x "$from" ] || { echo "install: $from is missing; npm run build:native builds it" >&2; exit 1; }
  if [ -n "$dry_run" ]; then echo "==> would copy $from to $to"; return; fi
  if cmp -s "$from" "$to"; then echo "==> unchanged $to"; return; fi
  # By rename: a container may be starting with the old one.
  mkdir -p "$libexec" && install -m 755 "$from" "$to.new" && mv -f "$to.new" "$to"
  echo "==> copied $to"
}

take_away() {
  [ -e "$1" ] || return 0
  if [ -n "$dry_run" ]; then echo "==> would remove $1"; else rm -rf "$1" && echo "==> removed $1"; fi
}

# Prints a JSON file with runtimes.berth set to $2, or without it where $2 is empty; everything else stays.
with_runtime() {
  node -e '
    const { existsSync, readFileSync } = require("node:fs");
    const [path, entry] = process.argv.slice(1);
    const config = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
    const { berth, ...others } = config.runtimes ?? {};
    const runtimes = entry === "" ? others : { ...others, berth: JSON.parse(entry) };
    const { runtimes: _, ...rest } = config;
    console.log(JSON.stringify(Object.keys(runtimes).length === 0 ? rest : { ...rest, runtimes }, null, 2));
  ' "$1" "$2"
}

# Prints containerd's configuration with our runtime at its end, or without it where $2 is empty; everything else stays. In the file itself,
# as an imported file of containerd 1.x takes the place of everything that this one says of the CRI plugin.
with_containerd_runtime() {
  node -e '
    const { existsSync, readFileSync } = require("node:fs");
    const [path, program] = process.argv.slice(1);
    const [first, last] = ["# >>> berth-runtime (hooks/install.sh) >>>", "# <<< berth-runtime <<<"];
    const present = existsSync(path) ? readFileSync(path, "utf8") : "";
    const others = present.replace(/\n*# >>> berth-runtime [^]*?# <<< berth-runtime <<<\n?/, "\n").trim();
    if (program === "") {
      if (others !== "version = 2") console.log(others);
      process.exit();
    }
    const version = /^version\s*=\s*(\d+)/m.exec(others)?.[1] ?? (others === "" ? "2" : "1");
    const plugin = { 2: "io.containerd.grpc.v1.cri", 3: "io.containerd.cri.v1.runtime" }[version];
    if (plugin === undefined) {
      console.error(`install: ${path} is of version ${version}; \`containerd config migrate\` prints it as version 2 or later`);
      process.exit(1);
    }
    const table = (name) => `[plugins."${plugin}".containerd.runtimes.${name}]\n  runtime_type = "io.containerd.runc.v2"`;
    // Of a configuration that names one runtime, containerd does not add the default one any more.
    const runc = /^\s*\[plugins\..*\.runtimes\.(runc|"runc")\]/m.test(others) ? [] : [table("runc")];
    const berth = `${table("berth")}\n  [plugins."${plugin}".containerd.runtimes.berth.options]\n    BinaryName = "${program}"`;
    console.log([others === "" ? "version = 2" : others, "", first, ...runc, berth, last].join("\n"));
  ' "$1" "$2"
}

# A prefix is not known to the program, so it is told.
arguments() { [ -z "$prefix" ] || printf '"--berth-settings", "%s"' "$settings"; }

engine_file() {
  case $engine in
    podman) echo "$prefix/etc/containers/oci/hooks.d/berth-gpu.json" ;;
    docker) echo "$prefix/etc/docker/daemon.json" ;;
    containerd) echo "$prefix/etc/containerd/config.toml" ;;
    crio) echo "$prefix/etc/crio/crio.conf.d/71-berth-gpu.conf" ;;
  esac
}

engine_text() {
  local own
  own=$(arguments)
  case $engine in
    # precreate: the device rules must be in the spec, which the later stages can no longer change.
    podman) cat <<JSON
{
  "version": "1.0.0",
  "hook": { "path": "$libexec/berth-runtime", "args": ["berth-runtime", ${own:+$own, }"--precreate"] },
  "when": { "always": true },
  "stages": ["precreate"]
}
JSON
      ;;
    docker) with_runtime "$(engine_file)" "{\"path\": \"$libexec/berth-runtime\"${own:+, \"runtimeArgs\": [$own]}}" ;;
    containerd) with_containerd_runtime "$(engine_file)" "$libexec/berth-runtime" ;;
    crio) cat <<TOML
[crio.runtime.runtimes.berth]
runtime_path = "$libexec/berth-runtime"
runtime_type = "oci"
TOML
      ;;
  esac
}

other_engines() {
  local mine=$engine other
  for other in podman docker containerd crio; do
    engine=$other
    if [ "$other" != "$mine" ] && grep -qs "$libexec/berth-runtime" "$(engine_file)"; then echo "$other"; fi
  done
}

# CDI alone: a file that engines read, no hook and no runtime.
run_cdi() {
  local file=$prefix/etc/cdi/berth.json
  if [ -n "$uninstall" ]; then take_away "$file"; return; fi
  if [ -n "$dry_run" ]; then echo "==> would write $file:"; else mkdir -p "$prefix/etc/cdi"; fi
  node "$here/bin/berth.mjs" gpu cdi generate --driver-root "$driver_root" --output "$([ -n "$dry_run" ] && echo - || echo "$file")"
}

# Takes our part out of the engine's file, which goes where nothing else is in it.
take_out() {
  local file rest=
  file=$(engine_file)
  [ -e "$file" ] || return 0
  case $engine in
    docker) rest=$(with_runtime "$file" "") ;;
    containerd) rest=$(with_containerd_runtime "$file" "") ;;
  esac
  if [ -n "$rest" ]; then put "$file" 644 <<<"$rest"; else take_away "$file"; fi
}

remove_all() {
  take_out
  local path others
  others=$(other_engines | paste -sd' ')
  if [ -n "$others" ]; then echo "==> kept what $others uses"; return; fi
  for path in "$settings" "$udev" "$libexec" "$run/gpu-host-state.json" "$run/gpu-plans" "$run/last-refusal"; do take_away "$path"; done
}

install_all() {
  # First, so that a file of the engine's that cannot be read or edited stops it before anything is written.
  local text
  text=$(engine_text)
  local refresh='"'$(readlink -f "$(command -v node)")'", "'$here'/bin/berth.mjs", "gpu", "host-state", "--driver-root", "'$driver_root'", "--out", "'$run/gpu-host-state.json'"'
  put_program "$here/hooks/gpu-prestart/build/gpu-prestart"
  put_program "$here/hooks/berth-runtime/build/berth-runtime"
  put "$settings" 644 <<JSON
{
  "runtime": "$runtime",
  "hook": "$libexec/gpu-prestart",
  "state": "$run/gpu-host-state.json",
  "plans": "$run/gpu-plans",
  "refresh": [$refresh${simulated:+, \"--simulated\"}]
}
JSON
  # A GPU comes or goes: without a state, the next container has it made anew.
  put "$udev" 644 <<RULES
ACTION=="add|remove|bind|unbind", SUBSYSTEM=="pci", ATTR{vendor}=="0x10de", RUN+="/bin/rm -f $run/gpu-host-state.json"
RULES
  put "$(engine_file)" 644 <<<"$text"
}

if [ "$engine" = cdi ]; then run_cdi; exit; fi
if [ -n "$uninstall" ]; then remove_all; else install_all; fi
case $engine in
  podman) [ -n "$uninstall" ] || echo "now: podman run -e NVIDIA_VISIBLE_DEVICES=0 IMAGE" ;;
  docker) echo "now: systemctl reload docker" ;;
  containerd) echo "now: systemctl restart containerd" ;;
  crio) echo "now: systemctl restart crio" ;;
esac
