import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildFakeAndHook, HOOK, HOOK_ASAN } from "./support/builds.ts";
import { hashTree, makeCanary } from "./support/canary.ts";
import { removeTestCgroups } from "./support/container.ts";
import { exec, must } from "./support/exec.ts";
import { runGpuContainer } from "./support/gpu-container.ts";
import { type GpuMachine, makeGpuMachine } from "./support/gpu-machine.ts";
import { callHook, holdNamespace } from "./support/namespace-holder.ts";
import { makeTinyRootfs, tree } from "./support/rootfs.ts";

// Each test is one of the advisories in docs/gpu.md, tried on a container of runc as an image could try it.
const SUPPORT = fileURLToPath(new URL("./support/", import.meta.url));
const RACE_MS = Number(process.env.BERTH_RACE_SECONDS ?? 4) * 1000;

let machine: GpuMachine;
let canary: string;
let before: string;
let image: string;

beforeAll(async () => {
  await buildFakeAndHook("all");
  await buildFakeAndHook("asan");
  machine = await makeGpuMachine(2);
  await chmod(machine.folder, 0o755);
  canary = await makeCanary(machine.folder);
  await makeTinyRootfs(join(machine.folder, "clean"));
  await must("gcc", ["-O2", "-o", join(machine.folder, "racer"), join(SUPPORT, "racer.c")]);
  await must("gcc", ["-shared", "-fPIC", "-o", join(machine.folder, "preloaded.so"), join(SUPPORT, "preloaded.c")]);
});

afterAll(async () => {
  await removeTestCgroups();
  await machine.remove();
});

beforeEach(async () => {
  before = await hashTree(canary);
  image = await mkdtemp(join(machine.folder, "image-"));
  await cp(join(machine.folder, "clean"), image, { recursive: true, verbatimSymlinks: true });
  await chmod(image, 0o755);
});

afterEach(async () => {
  expect(await hashTree(canary)).toBe(before);
  expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(machine.folder);
});

async function plant(path: string, target: string): Promise<void> {
  await mkdir(dirname(join(image, path)), { recursive: true });
  await rm(join(image, path), { recursive: true, force: true });
  await symlink(target, join(image, path));
}

const outside = (): string => `../../../../../../../../../..${canary}`;
const run = (script: string, withLayer = true) => runGpuContainer({ machine, image, withLayer, gpus: [1], script });

describe("an image cannot lead the host's files in or the hook's work out", () => {
  it.each(["usr/local/cuda/compat/libcuda.so.999.1", "usr/local/cuda/compat", "usr/local/cuda"])("by a link at /%s", async (path) => {
    await plant(path, outside());
    const result = await run(`nvidia-smi -L; cat /${path}/secret; cat /proc/mounts`);
    expect(result.stdout).toContain(machine.uuids[1]);
    expect(result.stdout).not.toMatch(/of the host|compat/);
    expect(result.stderr).not.toContain("of the host");
  });

  it.each(["lib/firmware/nvidia", "lib/firmware", "etc/nvidia", "run/nvidia-persistenced"])("by a folder link at /%s", async (path) => {
    await plant(path, outside());
    const result = await run("nvidia-smi -L");
    expect(result.stdout).toContain(machine.uuids[1]);
    expect(result.written).toEqual([]);
  });

  it.each([
    ["usr/local/nvidia", true],
    ["usr/local/nvidia", false],
    ["usr/local", true],
    ["usr/local", false],
  ])("by a link at its own place, /%s (driver layer: %s)", async (path, withLayer) => {
    await plant(path, outside());
    const result = await run("true", withLayer);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain("leads through a symbolic link; refused");
  });

  // Beside a stand-in for the runtime, because runc 1.1.5 itself writes through a link in place of /dev.
  it.each(["dev", "proc"])("by a link in place of /%s", async (path) => {
    await plant(path, outside());
    const holder = await holdNamespace(image, { dev: path !== "dev", proc: path !== "proc" });
    const { plan } = await machine.planFor(machine.uuids);
    const bundle = await mkdtemp(join(machine.folder, "bundle-"));
    const result = await callHook({ hook: HOOK, bundle, pid: holder.pid, rootfs: image, plan });
    expect(result.stderr).toBe(`gpu-prestart: rootfs: /${path} leads through a symbolic link; refused\n`);
    await holder.release();
  });

  it.each(["etc/ld.so.cache", "etc/ld.so.conf.d", "etc/ld.so.conf", "etc"])("by a loader's file that is a link, /%s", async (path) => {
    await plant(path, path === "etc/ld.so.cache" ? `${outside()}/ld.so.cache` : outside());
    const result = await run("nvidia-smi -L");
    expect(result.stdout).toContain(machine.uuids[1]);
  });

  it("by loader folders that lead out", async () => {
    await writeFile(join(image, "etc/ld.so.conf.d/000-evil.conf"), `${outside()}\n/proc/1/root/${canary}\n`);
    const result = await run("/bin/env -i /usr/bin/nvidia-smi -L");
    expect(result.stdout).toContain(machine.uuids[1]);
    expect(result.written).toEqual([]);
  });
});

describe("nothing of an image is run on the host", () => {
  const mark = (): string => join(machine.folder, "mark");
  const marked = async (): Promise<boolean> => (await tree(machine.folder)).includes("mark");

  it.each(["sbin/ldconfig", "usr/sbin/ldconfig", "usr/bin/nvidia-smi", "usr/bin/nvidia-ctk"])("not a planted /%s", async (path) => {
    await mkdir(dirname(join(image, path)), { recursive: true });
    await writeFile(join(image, path), `#!/bin/sh\necho ran > /ran; echo ran > ${mark()}\n`, { mode: 0o755 });
    const result = await run("ls /dev");
    expect(result.stdout).toContain("nvidia1");
    expect(result.written).toEqual([]);
    expect(await marked()).toBe(false);
  });

  it.each(["LD_PRELOAD", "LD_AUDIT"])(
    "not a library named in %s, as a runtime that hands the image's environment on would do",
    async (name) => {
      const library = join(image, "preloaded.so");
      await copyFile(join(machine.folder, "preloaded.so"), library);
      const env = { [name]: library, ATTACK_MARK: mark(), GCONV_PATH: image, LD_LIBRARY_PATH: image, NVIDIA_CTK_DEBUG: "1", PATH: image };
      // The attack is real: it works on a program that is loaded dynamically.
      await exec("/bin/true", [], { env });
      expect(await marked()).toBe(true);
      await rm(mark());
      const holder = await holdNamespace(image);
      const plan = (await machine.planFor([machine.uuids[1] ?? ""])).plan;
      const bundle = await mkdtemp(join(machine.folder, "bundle-"));
      expect(await callHook({ hook: HOOK, bundle, pid: holder.pid, rootfs: image, plan, env })).toEqual({
        code: 0,
        stdout: "",
        stderr: "",
      });
      await holder.release();
      expect(await marked()).toBe(false);
    },
  );

  it("not by the environment of the container either", async () => {
    await copyFile(join(machine.folder, "preloaded.so"), join(image, "preloaded.so"));
    const { plan, rules } = await machine.planFor([machine.uuids[1] ?? ""]);
    const env = { ...plan.env, LD_PRELOAD: "/proc/self/cwd/preloaded.so", ATTACK_MARK: mark() };
    const options = { plan: { ...plan, env }, deviceRules: rules };
    const result = await runGpuContainer({ machine, image, withLayer: true, gpus: [1], script: "ls /dev", options });
    expect(result.stdout).toContain("nvidia1");
    expect(await marked()).toBe(false);
  });
});

describe("a racing image gains nothing", () => {
  let racer: ChildProcess;

  /** Swaps `path` of the image with a link out of it, thousands of times a second. */
  async function race(path: string): Promise<void> {
    await mkdir(join(image, path), { recursive: true });
    await symlink(canary, join(image, "lure"));
    racer = spawn(join(machine.folder, "racer"), [join(image, path), join(image, "lure")], { stdio: ["ignore", "pipe", "inherit"] });
    await once(racer.stdout as NodeJS.ReadableStream, "data");
  }

  async function endRace(): Promise<number> {
    let said = "";
    racer.stdout?.on("data", (text: Buffer) => (said += text.toString()));
    racer.kill("SIGTERM");
    await once(racer, "close");
    return Number(said);
  }

  it("can beat a hook that goes by paths", async () => {
    const victim = await makeCanary(await mkdtemp(join(machine.folder, "victim-")));
    await mkdir(join(image, "usr/local"), { recursive: true });
    await symlink(victim, join(image, "usr/local/nvidia"));
    const unharmed = await hashTree(victim);
    await must("sh", ["-c", `mkdir -p ${image}/usr/local/nvidia/lib64 && : > ${image}/usr/local/nvidia/lib64/libcuda.so.1`]);
    expect(await hashTree(victim)).not.toBe(unharmed);
  });

  it.each(["usr/local/nvidia", "usr/local", "usr"])("by swapping /%s for a link while the hook works", async (path) => {
    await mkdir(join(image, "usr/local/nvidia"), { recursive: true });
    const { plan } = await machine.planFor(machine.uuids);
    const bundle = await mkdtemp(join(machine.folder, "bundle-"));
    const holder = await holdNamespace(image);
    await race(path);
    const outcomes = { done: 0, refused: 0 };
    const end = performance.now() + RACE_MS / 3;
    // On a busy machine the time alone would allow a handful.
    while (performance.now() < end || outcomes.done + outcomes.refused <= 10) {
      const hook = (outcomes.done + outcomes.refused) % 8 === 0 ? HOOK_ASAN : HOOK;
      const { code, stderr } = await callHook({ hook, bundle, pid: holder.pid, rootfs: image, plan });
      expect(stderr).toMatch(code === 0 ? /^$/ : /^gpu-prestart: [^\n]+\n$/);
      outcomes[code === 0 ? "done" : "refused"] += 1;
    }
    const swaps = await endRace();
    const mounts = await must("nsenter", ["-m", "-t", String(holder.pid), "cat", "/proc/self/mountinfo"]);
    await holder.release();
    expect(mounts).not.toContain(` ${canary}`);
    expect(swaps).toBeGreaterThan(1000);
    expect(outcomes.done + outcomes.refused).toBeGreaterThan(10);
  });
});

describe("a plan that no longer fits", () => {
  it("does not start a container when a file of the driver is gone, and leaves nothing of the try", async () => {
    const { plan, rules } = await machine.planFor([machine.uuids[0] ?? ""]);
    const gone = { hostPath: "/usr/lib/libcuda.so.1.gone", containerPath: "/usr/local/nvidia/lib64/libgone.so", options: [] };
    const options = { plan: { ...plan, mounts: [...plan.mounts, gone] }, deviceRules: rules };
    const result = await runGpuContainer({ machine, image, withLayer: true, gpus: [0], script: "true", options });
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain("/usr/lib/libcuda.so.1.gone: No such file or directory");
    expect(result.written).toEqual([]);
  });

  it("does not bind a node that has become another device", async () => {
    const { plan, rules } = await machine.planFor([machine.uuids[0] ?? ""]);
    const nodes = plan.deviceNodes.map((node) => ({ ...node, hostPath: "/dev/null" }));
    const options = { plan: { ...plan, deviceNodes: nodes }, deviceRules: rules, userNamespace: true };
    const result = await runGpuContainer({ machine, image, withLayer: true, gpus: [0], script: "true", options });
    expect(result.stderr).toContain("/dev/null is not the character device of the plan");
  });
});

it.each(["runc", "crun"] as const)("leaves nothing in the writable layer after 100 starts of one container by %s", async (runtime) => {
  const script = "nvidia-smi -L";
  const result = await runGpuContainer({ machine, image, withLayer: true, gpus: [0, 1], script, runtime, times: 100 });
  expect(result.stdout).toContain(machine.uuids[1]);
  expect(result.written).toEqual([]);
  const bare = await runGpuContainer({ machine, image, withLayer: false, gpus: [0], script, runtime, times: 2 });
  expect(bare.written).toEqual(["usr/", "usr/local/", "usr/local/nvidia/"]);
});
