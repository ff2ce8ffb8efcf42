import { mkdir, mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildFakeAndHook, HOOK } from "./support/builds.ts";
import { removeTestCgroups, writeBundle } from "./support/container.ts";
import { must } from "./support/exec.ts";
import { type GpuMachine, makeGpuMachine } from "./support/gpu-machine.ts";
import { callHook, holdNamespace } from "./support/namespace-holder.ts";
import { makeTinyRootfs, mountOverlay } from "./support/rootfs.ts";

const METER_SOURCE = fileURLToPath(new URL("support/peak-memory.cc", import.meta.url));
let machine: GpuMachine;

beforeAll(async () => {
  await buildFakeAndHook("all");
  machine = await makeGpuMachine(8);
  await makeTinyRootfs(join(machine.folder, "image"));
});

afterAll(async () => {
  await removeTestCgroups();
  await machine.remove();
});

it("takes at most 4 MiB of memory (ru_maxrss) for 8 GPUs", async () => {
  const meter = join(machine.folder, "peak-memory");
  await must("g++", ["-O1", "-static", "-o", meter, METER_SOURCE]);
  const bundle = await mkdtemp(join(machine.folder, "bundle-"));
  const rootfs = join(bundle, "rootfs");
  for (const name of ["dev", "proc", "usr/local/nvidia"]) await mkdir(join(rootfs, name), { recursive: true });
  const holder = await holdNamespace(rootfs);
  try {
    const { plan } = await machine.planFor(machine.uuids);
    const { code, stdout, stderr } = await callHook({ hook: meter, before: [HOOK], bundle, pid: holder.pid, rootfs, plan });
    expect([code, stderr]).toEqual([0, ""]);
    expect(Number(stdout)).toBeGreaterThan(0);
    expect(Number(stdout)).toBeLessThanOrEqual(4096);
  } finally {
    await holder.release();
  }
});

it("is the one program that GPUs add to a container's start, run once", async () => {
  const added = await programsOf("with", HOOK);
  const plain = await programsOf("without", null);
  expect(added.filter((program) => program === HOOK)).toEqual([HOOK]);
  expect(added.filter((program) => program !== HOOK).sort()).toEqual(plain.sort());
});

/** Every program that strace sees started while runc creates, runs and deletes a container. */
async function programsOf(name: string, hook: string | null): Promise<string[]> {
  const id = `gpu-cost-${process.pid}-${name}`;
  const bundle = await mkdtemp(join(machine.folder, "bundle-"));
  const image = join(machine.folder, "image");
  const overlay = await mountOverlay([await machine.layerFor([image]), image], bundle);
  try {
    const { plan, rules } = await machine.planFor(machine.uuids);
    const base = { bundle, id, rootfs: overlay.merged, hookKind: "prestart", userNamespace: false, script: "exit 0" } as const;
    await writeBundle({ ...base, hook, plan, deviceRules: rules });
    const log = join(bundle, "execs");
    const runc = ["runc", "--root", join(machine.folder, "state"), "run", "--bundle", bundle, id];
    await must("strace", ["-f", "-qq", "-s", "4096", "-e", "trace=execve,execveat", "-o", log, ...runc]);
    return startedIn(await readFile(log, "utf8"));
  } finally {
    await overlay.unmount();
  }
}

/** `123 execve("/usr/sbin/runc", [...], ...) = 0`; a call that another thread's line cut in two ends as `<... execve resumed>`. */
function startedIn(log: string): string[] {
  const begun = new Map<string, string>();
  const started: string[] = [];
  for (const line of log.split("\n")) {
    const pid = /^\d+/.exec(line)?.[0] ?? "";
    const path = /execve(?:at)?\((?:\w+, )?"([^"]*)"/.exec(line)?.[1];
    if (path !== undefined) begun.set(pid, path);
    if (/ = 0$/.test(line)) started.push(begun.get(pid) ?? line);
  }
  return started;
}
