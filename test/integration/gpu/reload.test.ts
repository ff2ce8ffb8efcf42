import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildFakeAndHook, HOOK } from "./support/builds.ts";
import { CGROUP_PARENT, removeTestCgroups, writeBundle } from "./support/container.ts";
import { must } from "./support/exec.ts";
import { type GpuMachine, makeGpuMachine } from "./support/gpu-machine.ts";
import { type LiveContainer, startLive } from "./support/live-container.ts";
import { makeTinyRootfs } from "./support/rootfs.ts";

/**
 * Why a GPU stays: at `systemctl daemon-reload` systemd writes each unit's device filter anew from what it knows of the unit, and
 * a runtime with the systemd cgroup driver has told it what the OCI spec's linux.resources.devices says (`runc update` does the
 * same itself). Toolkits that widen the filter behind the runtime's back (a prestart hook writing devices.allow, or a
 * patched BPF program) lose the GPU then: "Failed to initialize NVML: Unknown Error". Berth's rules are in the spec, so they come back.
 */
interface DeviceEntry {
  allow: boolean;
  type?: string;
  major?: number;
  minor?: number;
  access: string;
}

let machine: GpuMachine;
let image: string;
let filterTool: string;
let counter = 0;

beforeAll(async () => {
  await buildFakeAndHook("all");
  machine = await makeGpuMachine(2);
  image = join(machine.folder, "image");
  filterTool = join(machine.folder, "device-filter");
  await makeTinyRootfs(image);
  await must("gcc", ["-O1", "-o", filterTool, fileURLToPath(new URL("./support/device-filter.c", import.meta.url))]);
});

afterAll(async () => {
  await removeTestCgroups();
  await machine.remove();
});

const UNIFIED = "/sys/fs/cgroup/unified";
const HIERARCHIES = existsSync("/sys/fs/cgroup/devices") ? (["v1", "v2"] as const) : (["v2"] as const);
/** On a hybrid host runc shows its v2 side in a mount namespace where only that is mounted. */
const V2_VIEW = ["unshare", "-m", "--propagation", "private", "sh", "-c", 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"', "sh"];
/** What every runtime allows besides the spec (config-linux.md, "Default Devices"). */
const DEFAULTS = [
  "c * * m",
  "b * * m",
  "c 1 3 rwm",
  "c 1 5 rwm",
  "c 1 7 rwm",
  "c 1 8 rwm",
  "c 1 9 rwm",
  "c 5 0 rwm",
  "c 136 * rwm",
  "c 5 2 rwm",
];

describe.each(HIERARCHIES)("on cgroup %s", (version) => {
  let container: LiveContainer;
  let bundle: string;
  let id: string;

  beforeEach(async () => {
    id = `gpu-reload-${counter++}`;
    bundle = join(machine.folder, id);
    await mkdir(bundle);
    const { plan, rules } = await machine.planFor([machine.uuids[1] ?? ""]);
    const script = "echo ready; cat";
    const options = {
      bundle,
      rootfs: image,
      id,
      hook: HOOK,
      hookKind: "createRuntime",
      plan,
      deviceRules: rules,
      script,
      userNamespace: false,
    };
    await writeBundle(options as Parameters<typeof writeBundle>[0]);
    const controllers = await rootControllers();
    container = await startLive(version === "v2" && existsSync(UNIFIED) ? V2_VIEW : [], join(machine.folder, "runc"), bundle, id);
    return async () => {
      await container.end();
      await removeTestCgroups();
      await restoreControllers(controllers);
    };
  });

  /** As systemd does it: first nothing is allowed, then what the unit's DeviceAllow= says. */
  async function reload(entries: readonly DeviceEntry[]): Promise<void> {
    const rules = [...DEFAULTS, ...entries.filter((entry) => entry.allow).map(ruleText)];
    if (version === "v2") {
      const folder = join(existsSync(UNIFIED) ? UNIFIED : "/sys/fs/cgroup", CGROUP_PARENT, id);
      expect(Number(await must(filterTool, [folder, ...rules]))).toBeGreaterThan(0);
      return;
    }
    const folder = join("/sys/fs/cgroup/devices", CGROUP_PARENT, id);
    await writeFile(join(folder, "devices.deny"), "a");
    for (const rule of rules) await writeFile(join(folder, "devices.allow"), rule.replace(/^(\w) (\S+) (\S+)/, "$1 $2:$3"));
  }

  const openGpu = async (): Promise<string> => (await container.exec("cat", "/dev/nvidia1")).stderr;
  const specRules = async (): Promise<DeviceEntry[]> =>
    JSON.parse(await readFile(join(bundle, "config.json"), "utf8")).linux.resources.devices;

  it("the device still opens after the filter was written anew from the spec", async () => {
    expect(await openGpu()).toContain("No such device or address"); // it passed the filter: no driver stands behind a simulated node
    await reload(await specRules());
    expect(await openGpu()).toContain("No such device or address");
    expect((await container.exec("sh", "-c", "mknod /tmp/other c 195 0; cat /tmp/other")).stderr).toContain("Operation not permitted");
  });

  it("it would not if the rules were the hook's alone", async () => {
    await reload((await specRules()).filter(({ major }) => major !== 195));
    expect(await openGpu()).toContain("Operation not permitted");
  });
});

function ruleText({ type = "a", major, minor, access }: DeviceEntry): string {
  return `${type} ${major ?? "*"} ${minor ?? "*"} ${access}`;
}

/** In the v2 view runc turns controllers on in the root of the one real tree. */
async function rootControllers(): Promise<string> {
  return existsSync(UNIFIED) ? readFile(join(UNIFIED, "cgroup.subtree_control"), "utf8") : "";
}

async function restoreControllers(before: string): Promise<void> {
  const added = (await rootControllers()).split(/\s+/).filter((name) => name !== "" && !before.split(/\s+/).includes(name));
  for (const name of added) await writeFile(join(UNIFIED, "cgroup.subtree_control"), `-${name}`);
}
