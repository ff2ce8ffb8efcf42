import { existsSync } from "node:fs";
import { readdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DeviceRule, InjectionPlan } from "../../../../src/node/gpu/index.ts";
import { until } from "../../../support/poll.ts";
import { exec, type Finished } from "./exec.ts";

export type Runtime = "runc" | "crun";

export interface BundleOptions {
  bundle: string;
  rootfs: string;
  id: string;
  /** Null: a container without GPUs. */
  hook: string | null;
  hookKind: "prestart" | "createRuntime";
  plan: InjectionPlan;
  deviceRules: DeviceRule[];
  script: string;
  userNamespace: boolean;
}

const NAMESPACES = ["pid", "mount", "ipc", "uts", "network"].map((type) => ({ type }));
export const CGROUP_PARENT = `berth-gpu-test-${process.pid}`;
const MAPPING = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
const USER_NAMESPACE = { namespaces: [...NAMESPACES, { type: "user" }], uidMappings: MAPPING, gidMappings: MAPPING };
const CAPABILITIES = ["CAP_MKNOD", "CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"];

/** Writes config.json and the plan, as the engine does. */
export async function writeBundle(options: BundleOptions): Promise<void> {
  const planPath = join(options.bundle, "injection-plan.json");
  await writeFile(planPath, JSON.stringify(options.plan), { mode: 0o600 });
  await writeFile(join(options.bundle, "config.json"), JSON.stringify(specOf(options, planPath)));
}

function specOf(options: BundleOptions, planPath: string): unknown {
  const capabilities = Object.fromEntries(["bounding", "effective", "permitted"].map((set) => [set, CAPABILITIES]));
  const hook = { path: options.hook, args: ["gpu-prestart", "--plan", planPath], env: [], timeout: 20 };
  return {
    ociVersion: "1.0.2",
    root: { path: options.rootfs, readonly: false },
    process: {
      user: { uid: 0, gid: 0 },
      args: ["/bin/sh", "-c", options.script],
      env: Object.entries(options.plan.env).map(([name, value]) => `${name}=${value}`),
      cwd: "/",
      capabilities,
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
    ],
    hooks: options.hook === null ? {} : { [options.hookKind]: [hook] },
    linux: {
      namespaces: NAMESPACES,
      cgroupsPath: `/${CGROUP_PARENT}/${options.id}`,
      resources: { devices: [{ allow: false, access: "rwm" }, ...options.deviceRules] },
      ...(options.userNamespace ? USER_NAMESPACE : {}),
    },
  };
}

/** Create, start, wait, delete. crun refuses hybrid cgroup hosts unless it sees no unified mount. */
export function runContainer(runtime: Runtime, { bundle, id }: { bundle: string; id: string }, stateRoot: string): Promise<Finished> {
  const run = [runtime, "--root", stateRoot, "run", "--bundle", bundle, id];
  if (runtime === "runc") return exec(run[0] as string, run.slice(1));
  return exec("unshare", ["-m", "sh", "-c", 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"', "sh", ...run]);
}

/** The runtimes remove a container's cgroups, but not the folders above and beside them (podman's conmon). */
export async function removeTestCgroups(): Promise<void> {
  const hierarchies = ["", ...(await readdir("/sys/fs/cgroup"))].map((name) => join("/sys/fs/cgroup", name, CGROUP_PARENT));
  for (const folder of hierarchies.filter((path) => existsSync(path))) await removeCgroup(folder);
}

async function removeCgroup(folder: string): Promise<void> {
  const children = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  for (const child of children) await removeCgroup(join(folder, child.name));
  // A process that just ended may hold it for a moment.
  await until(`${folder} to be empty`, 60, async () => {
    await rmdir(folder);
    return true;
  });
}
