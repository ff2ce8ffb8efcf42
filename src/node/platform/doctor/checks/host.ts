import { type Check, fail, ok, warn } from "../check.ts";
import type { MachineFacts } from "../machine-facts.ts";
import { isAtLeast } from "../versions.ts";

const LEAST_NODE = "20.18.1";
const LEAST_KERNEL = "5.11";
const NEEDED_NAMESPACES = ["ipc", "mnt", "net", "pid", "uts"];

/** package.json's `engines` say the same; this says it before a syntax error does. */
export function checkNode(facts: MachineFacts): Check {
  const found = facts.nodeVersion;
  if (isAtLeast(found, LEAST_NODE)) return ok("node", "Node.js", found);
  return fail(
    "node",
    "Node.js",
    found,
    `Berth needs ${LEAST_NODE} or newer`,
    "install Node.js 20 or newer, as from https://nodejs.org/en/download",
  );
}

/** First of the findings to look at: without root many others are guesses. */
export function checkUser(facts: MachineFacts): Check {
  if (facts.userId === 0) return ok("root", "user", "root");
  return fail(
    "root",
    "user",
    `user id ${facts.userId}`,
    "mounts, namespaces and cgroups need root; what follows may not be what root would see",
    "run it with sudo",
  );
}

/** By the version alone: what a distribution took back to an older kernel is not found out. */
export function checkKernel(facts: MachineFacts): Check {
  if (isAtLeast(facts.kernel, LEAST_KERNEL)) return ok("kernel", "kernel", facts.kernel);
  const fix =
    facts.os.id === "ubuntu"
      ? "apt-get install -y linux-generic-hwe-$(lsb_release -rs), then reboot"
      : "apt-get install -y linux-image-amd64, then reboot";
  return fail("kernel", "kernel", facts.kernel, `overlayfs and openat2 as Berth uses them need ${LEAST_KERNEL} or newer`, fix);
}

/** User namespaces are not needed: --userns-remap asks for them. */
export function checkNamespaces(facts: MachineFacts): Check {
  const missing = NEEDED_NAMESPACES.filter((name) => !facts.namespaces.includes(name));
  if (missing.length === 0)
    return ok("namespaces", "namespaces", facts.namespaces.filter((name) => !name.endsWith("_for_children")).join(" "));
  return fail(
    "namespaces",
    "namespaces",
    `no ${missing.join(", ")}`,
    "containers cannot be kept apart",
    "boot a kernel built with CONFIG_NAMESPACES and its parts",
  );
}

/** The profile is containers-common's: Berth has none of its own, and starts nothing without one. */
export function checkSeccomp(facts: MachineFacts): Check {
  const { kernel, profile } = facts.seccomp;
  if (!kernel)
    return fail(
      "seccomp",
      "seccomp",
      "not in the kernel",
      "system calls of containers cannot be filtered",
      "boot a kernel built with CONFIG_SECCOMP_FILTER",
    );
  if (profile !== null) return ok("seccomp", "seccomp", `filter, profile ${profile}`);
  const fix = ["debian", "ubuntu"].includes(facts.os.id)
    ? "apt-get install -y --no-install-recommends golang-github-containers-common"
    : "install containers-common";
  return fail("seccomp", "seccomp", "no profile", "containers would run with every system call", fix);
}

const NEEDED_CAPABILITIES = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_ADMIN",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_ADMIN",
  "SYS_CHROOT",
];
const LEAST_OPEN_FILES = 4096;

/** Root in a container may lack them: who is root says little. */
export function checkPrivileges(facts: MachineFacts): Check {
  const held = new Set(facts.privileges.capabilities);
  const missing = NEEDED_CAPABILITIES.map((name) => `CAP_${name}`).filter((name) => !held.has(name));
  if (missing.length > 0) {
    return fail(
      "privileges",
      "privileges",
      `no ${missing.join(", ")}`,
      "containers cannot be set up",
      "run on the host, or in a container that was given these capabilities",
    );
  }
  const { openFiles } = facts.privileges;
  if (openFiles !== null && openFiles < LEAST_OPEN_FILES) {
    return warn(
      "privileges",
      "privileges",
      `at most ${openFiles} open files`,
      "many containers at once will hit the limit",
      "ulimit -Hn 65536, or LimitNOFILE= in the service",
    );
  }
  const files = openFiles === null ? "" : `, ${openFiles} open files`;
  if (!held.has("CAP_SYS_RESOURCE")) {
    return warn(
      "privileges",
      "privileges",
      `no CAP_SYS_RESOURCE${files}`,
      "limits of containers stay within this process's own",
      "run where root holds CAP_SYS_RESOURCE, if jobs need higher limits",
    );
  }
  return ok("privileges", "privileges", `${facts.privileges.capabilities.length} capabilities${files}`);
}

/** A clone that was installed without its scripts has none of them. */
export function checkBuiltFiles(facts: MachineFacts): Check {
  if (facts.missingBuiltFiles.length === 0) return ok("build", "native parts", "addon, hook and lease guard are built");
  return fail(
    "build",
    "native parts",
    `missing: ${facts.missingBuiltFiles.join(", ")}`,
    "Berth is not built for this machine",
    "npm run build:native",
  );
}
