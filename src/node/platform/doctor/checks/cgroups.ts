import { type Check, fail, ok, warn } from "../check.ts";
import type { MachineFacts } from "../machine-facts.ts";

const NEEDED = { v2: ["cpu", "memory", "pids"], v1: ["cpu", "memory", "pids", "devices", "freezer"] };
const USEFUL = { v2: ["cpuset", "io"], v1: ["cpuset", "cpuacct", "blkio"] };

/** The controllers without which a limit or a kill would not hold, then those whose numbers would be missing. */
export function checkCgroups(facts: MachineFacts): Check {
  const { mode, controllers } = facts.cgroups;
  if (mode === null)
    return fail(
      "cgroups",
      "cgroups",
      "none mounted",
      "containers cannot be limited or killed as a whole",
      "mount -t cgroup2 none /sys/fs/cgroup",
    );
  const kind = mode === "v2" ? "v2" : "v1";
  const found = `${mode}: ${controllers.filter((name) => !name.startsWith("name=")).join(" ")}`;
  const missing = NEEDED[kind].filter((name) => !controllers.includes(name));
  if (missing.length > 0)
    return fail("cgroups", "cgroups", found, `no ${missing.join(", ")} controller: limits would not hold`, fixFor(mode, missing));
  const absent = USEFUL[kind].filter((name) => !controllers.includes(name));
  if (absent.length > 0) return warn("cgroups", "cgroups", found, `no ${absent.join(", ")} controller: some numbers will be missing`, null);
  return ok("cgroups", "cgroups", found, mode === "hybrid" ? "crun sees the v1 side only: Berth hides the other from it" : null);
}

function fixFor(mode: "v1" | "v2" | "hybrid", missing: readonly string[]): string {
  if (missing.includes("memory")) return "add cgroup_enable=memory to the kernel's command line, and reboot";
  return mode === "v2"
    ? `echo "${missing.map((name) => `+${name}`).join(" ")}" > /sys/fs/cgroup/cgroup.subtree_control`
    : "boot with systemd.unified_cgroup_hierarchy=1";
}
