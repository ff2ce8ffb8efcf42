import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { FileMount, InjectionPlan } from "../../../src/node/gpu/index.ts";
import { runs } from "../../support/property-runs.ts";
import { buildFakeAndHook, HOOK, HOOK_ASAN, PLAN_FUZZ } from "./support/builds.ts";
import { exec } from "./support/exec.ts";
import { type GpuMachine, makeGpuMachine } from "./support/gpu-machine.ts";
import { callHook, type HookCall, holdNamespace, type NamespaceHolder } from "./support/namespace-holder.ts";
import { tree } from "./support/rootfs.ts";

let machine: GpuMachine;
let plan: InjectionPlan;
let bundle: string;
let rootfs: string;
let holders: NamespaceHolder[];

beforeAll(async () => {
  await buildFakeAndHook("all");
  await buildFakeAndHook("asan");
  await buildFakeAndHook("fuzz");
  machine = await makeGpuMachine(2);
  plan = (await machine.planFor(machine.uuids)).plan;
});

afterAll(() => machine.remove());

beforeEach(async () => {
  bundle = await mkdtemp(join(machine.folder, "bundle-"));
  rootfs = join(bundle, "rootfs");
  for (const name of ["dev", "proc", "etc", "usr"]) await mkdir(join(rootfs, name), { recursive: true });
  await mkdir(join(bundle, "host"));
  await writeFile(join(bundle, "host/canary"), "untouched");
  holders = [];
});

afterEach(async () => {
  for (const holder of holders) await holder.release();
  expect(await readFile(join(bundle, "host/canary"), "utf8")).toBe("untouched");
  expect(await tree(join(bundle, "host"))).toEqual(["canary"]);
  expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(bundle);
  await rm(bundle, { recursive: true, force: true });
});

async function hold(options: Parameters<typeof holdNamespace>[1] = {}): Promise<NamespaceHolder> {
  const holder = await holdNamespace(rootfs, options);
  holders.push(holder);
  return holder;
}

function call(holder: NamespaceHolder, changes: Partial<HookCall> = {}): ReturnType<typeof callHook> {
  return callHook({ hook: HOOK, bundle, pid: holder.pid, rootfs, plan, ...changes });
}

// The same cases with the sanitized build: a silent memory error would show as another exit code or text.
describe.each([
  ["the hook", HOOK],
  ["the hook under AddressSanitizer", HOOK_ASAN],
])("%s", (_name, hook) => {
  it("makes the nodes, one read-only folder of files and nothing else", async () => {
    const holder = await hold();
    const result = await call(holder, { hook });
    expect(result).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await holder.names("dev")).toEqual(["nvidia-uvm", "nvidia-uvm-tools", "nvidia0", "nvidia1", "nvidiactl"]);
    const mounts = (await holder.mounts()).filter((path) => path !== "/dev" && path !== "/proc");
    expect(mounts).toEqual(["/usr/local/nvidia", ...plan.mounts.map((mount) => mount.containerPath)].sort());
    expect(await holder.names("usr/local/nvidia/bin")).toEqual(["nvidia-cuda-mps-control", "nvidia-smi"]);
  });

  it("shows of /proc/driver/nvidia the params with ModifyDeviceFiles off and the assigned GPUs' folders", async () => {
    const holder = await hold({ params: "ModifyDeviceFiles: 1", procFolders: ["gpus/0000:10:00.0", "gpus/0000:11:00.0", "suspend"] });
    const procDriver = { params: plan.procDriver?.params ?? "", shown: ["gpus/0000:11:00.0", "capabilities/gpu9"] };
    expect(await call(holder, { hook, plan: { ...plan, procDriver } })).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await holder.read("proc/driver/nvidia/params")).toMatch(/^ModifyDeviceFiles: 0\n/);
    expect(await holder.names("proc/driver/nvidia")).toEqual(["gpus", "params"]);
    expect(await holder.names("proc/driver/nvidia/gpus")).toEqual(["0000:11:00.0"]);
  });

  it("makes the capability nodes of MIG devices in their own folder", async () => {
    const cap = { path: "/dev/nvidia-caps/nvidia-cap12", hostPath: "/dev/x", major: 238, minor: 12, fileMode: 0o444, uid: 0, gid: 0 };
    const holder = await hold();
    const result = await call(holder, { hook, plan: { ...plan, deviceNodes: [...plan.deviceNodes, cap] } });
    expect(result).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await holder.names("dev/nvidia-caps")).toEqual(["nvidia-cap12"]);
  });

  it("mounts a daemon's socket and a folder of pipes, writable but without devices, programs or privileges", async () => {
    const folder = join(bundle, "mps");
    await mkdir(folder);
    const server = createServer().listen(join(bundle, "socket"));
    await once(server, "listening");
    const extra: FileMount[] = [
      { kind: "socket", hostPath: join(bundle, "socket"), containerPath: "/run/nvidia-persistenced/socket", options: [] },
      { kind: "folder", hostPath: folder, containerPath: "/usr/local/nvidia/mps", options: [] },
    ];
    const holder = await hold();
    expect(await call(holder, { hook, plan: { ...plan, mounts: [...plan.mounts, ...extra] } })).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
    server.close();
    const options = await holder.mountOptions();
    for (const { containerPath } of extra) expect(options[containerPath]).toMatch(/^rw,nosuid,nodev,noexec/);
  });

  it("writes the application profile over NVIDIA's folder of profiles", async () => {
    const holder = await hold();
    expect((await call(holder, { hook, plan: { ...plan, applicationProfile: "EGLVisibleDGPUDevices 0x2\n" } })).code).toBe(0);
    const path = "etc/nvidia/nvidia-application-profiles-rc.d";
    expect(await holder.read(`${path}/10-container.conf`)).toBe("EGLVisibleDGPUDevices 0x2\n");
    expect((await holder.mountOptions())[`/${path}`]).toMatch(/^ro,/);
  });

  it("takes everything back when a late step fails", async () => {
    const holder = await hold({ proc: false });
    const result = await call(holder, { hook });
    expect(result.code).toBe(1);
    expect(result.stderr).toBe("gpu-prestart: rootfs: /proc is not procfs\n");
    expect(await holder.names("dev")).toEqual([]);
    expect(await holder.mounts()).toEqual(["/dev"]);
    expect(await tree(rootfs)).toEqual(["dev/", "etc/", "proc/", "usr/"]);
  });

  it.each(["../../../host", "/proc/self/cwd", "/"])("refuses an image whose /usr/local is a link to %s", async (target) => {
    await symlink(target, join(rootfs, "usr/local"));
    const holder = await hold();
    const result = await call(holder, { hook });
    expect(result.code).toBe(1);
    expect(result.stderr).toBe("gpu-prestart: rootfs: /usr/local/nvidia leads through a symbolic link; refused\n");
    expect(await holder.names("dev")).toEqual([]);
  });

  it("refuses an image whose driver folder is a link to a host folder", async () => {
    await mkdir(join(rootfs, "usr/local"));
    await symlink(join(bundle, "host"), join(rootfs, "usr/local/nvidia"));
    const result = await call(await hold(), { hook });
    expect(result.stderr).toMatch(/leads through a symbolic link; refused\n$/);
  });

  it("refuses a /dev that is a folder of the image", async () => {
    const result = await call(await hold({ dev: false }), { hook });
    expect(result.stderr).toBe("gpu-prestart: rootfs: /dev is not a tmpfs of its own\n");
    expect(await tree(join(rootfs, "dev"))).toEqual([]);
  });

  it("refuses to work in the host's own mount namespace", async () => {
    const result = await call(await hold(), { hook, pid: process.pid });
    expect(result.stderr).toBe("gpu-prestart: container shares the host's mount namespace\n");
  });

  it.each([
    [
      "climbs out of the driver folder",
      (p: InjectionPlan) =>
        (p.mounts[0] = { hostPath: "/etc/passwd", containerPath: "/usr/local/nvidia/../../../etc/passwd", options: [] }),
    ],
    [
      "covers a file of the image",
      (p: InjectionPlan) => (p.mounts[0] = { hostPath: "/etc/passwd", containerPath: "/etc/passwd", options: [] }),
    ],
    [
      "makes a node outside /dev",
      (p: InjectionPlan) => (p.deviceNodes[0] = { ...(p.deviceNodes[0] as InjectionPlan["deviceNodes"][0]), path: "/tmp/x" }),
    ],
    ["has a link to another folder", (p: InjectionPlan) => (p.symlinks[0] = { path: "/usr/local/nvidia/x", target: "../../../etc" })],
    [
      "has a device number too large",
      (p: InjectionPlan) => (p.deviceNodes[0] = { ...(p.deviceNodes[0] as InjectionPlan["deviceNodes"][0]), minor: 2 ** 20 }),
    ],
    [
      "has a negative device number",
      (p: InjectionPlan) => (p.deviceNodes[0] = { ...(p.deviceNodes[0] as InjectionPlan["deviceNodes"][0]), minor: -1 }),
    ],
  ])("refuses a plan that %s", async (_what, change) => {
    const changed = structuredClone(plan);
    change(changed);
    const holder = await hold();
    const result = await call(holder, { hook, plan: changed });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^gpu-prestart: plan: [^\n]+\n$/);
    expect(await holder.mounts()).toEqual(["/dev", "/proc"]);
  });

  it.each([
    ["an empty file", ""],
    ["null", "null"],
    ["a list", "[]"],
    ["a cut one", "{"],
    ["another version", '{"version":2}'],
    ["one without its parts", '{"version":1}'],
    ["binary", "\u0000"],
    ["deep nesting", "[".repeat(100_000)],
  ])("refuses %s as a plan with one clear line", async (_what, text) => {
    const result = await call(await hold(), { hook, plan: text });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^gpu-prestart: [^\n]+\n$/);
  });

  it.each([
    ["no state", ""],
    ["a state without a pid", '{"bundle":"/tmp"}'],
    ["a relative bundle", '{"pid":2,"bundle":"tmp"}'],
    ["a bundle that is gone", '{"pid":2,"bundle":"/nonexistent"}'],
    ["a pid that is no number", '{"pid":"2","bundle":"/tmp"}'],
  ])("refuses %s with one clear line", async (_what, state) => {
    const result = await call(await hold(), { hook, state });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^gpu-prestart: [^\n]+\n$/);
  });

  it("refuses a pid of the container's own namespace, as a createContainer hook would get", async () => {
    const result = await call(await hold(), { hook, pid: 1 });
    expect(result.stderr).toBe("gpu-prestart: OCI state: no host pid; run this hook as prestart or createRuntime\n");
  });

  it("refuses a plan that others could have written", async () => {
    const result = await call(await hold(), { hook, planMode: 0o666 });
    expect(result.stderr).toMatch(/is not a regular file that only its owner can write\n$/);
  });

  it("refuses a container whose mounts would spread to the host", async () => {
    const result = await call(await hold(), { hook, linux: { rootfsPropagation: "shared" } });
    expect(result.stderr).toBe("gpu-prestart: rootfsPropagation shared would spread the mounts to the host\n");
  });

  it("names the host file that is missing and changes nothing", async () => {
    const changed = structuredClone(plan);
    changed.mounts.push({ hostPath: "/nonexistent/libcuda.so.1", containerPath: "/usr/local/nvidia/lib64/x", options: [] });
    const holder = await hold();
    const result = await call(holder, { hook, plan: changed });
    expect(result.stderr).toBe("gpu-prestart: open_tree /nonexistent/libcuda.so.1: No such file or directory\n");
    expect(await holder.names("dev")).toEqual([]);
  });
});

it("takes everything back whichever of its steps is the last", async () => {
  const server = createServer().listen(join(bundle, "socket"));
  await once(server, "listening");
  const socket: FileMount = { kind: "socket", hostPath: join(bundle, "socket"), containerPath: "/run/nvidia-x/socket", options: [] };
  const whole = { ...plan, mounts: [...plan.mounts, socket], applicationProfile: "x" };
  const holder = await hold({ params: "ModifyDeviceFiles: 1", procFolders: ["gpus/0000:10:00.0"] });
  const before = [await holder.mounts(), await tree(rootfs)];
  let steps = 0;
  for (let code = 1; code !== 0; steps += 1) {
    const result = await call(holder, { hook: HOOK_ASAN, plan: whole, failAfter: steps + 1 });
    code = result.code;
    if (code === 0) break;
    expect(result.stderr).toBe(`gpu-prestart: step ${steps + 1} fails because a test said so\n`);
    expect([await holder.mounts(), await tree(rootfs), await holder.names("dev")]).toEqual([...before, []]);
  }
  server.close();
  expect(steps).toBeGreaterThan(12);
});

it("meets any damage to a plan with success or one clear line, never a memory error", async () => {
  const holder = await hold();
  const text = JSON.stringify(plan);
  const patch = fc.record({ at: fc.nat(text.length - 1), put: fc.constantFrom('"', "{", "]", "/", "..", "-", "9", "\u0000", "null", "") });
  await fc.assert(
    fc.asyncProperty(fc.array(patch, { minLength: 1, maxLength: 4 }), async (patches) => {
      const damaged = patches.reduce((whole, { at, put }) => whole.slice(0, at) + put + whole.slice(at + 1), text);
      const result = await call(holder, { hook: HOOK_ASAN, plan: damaged });
      expect(result.stderr).toMatch(result.code === 0 ? /^$/ : /^gpu-prestart: [^\n]+\n$/);
    }),
    { numRuns: runs(100) },
  );
});

it("lets no damaged plan lead outside: its parser alone, 50 000 times under the sanitizers", async () => {
  const path = join(bundle, "plan.json");
  const more = { procDriver: { params: "x", shown: ["gpus/0000:10:00.0"] }, applicationProfile: "x" };
  const socket = { kind: "socket", hostPath: "/run/x/socket", containerPath: "/run/x/socket", options: [] };
  await writeFile(path, JSON.stringify({ ...plan, ...more, mounts: [...plan.mounts.slice(0, 3), socket] }));
  const runs = process.env.BERTH_FUZZ_RUNS ?? "50000";
  const result = await exec(PLAN_FUZZ, [path, runs, String(Date.now())]);
  expect(result).toEqual({ code: 0, stdout: "", stderr: "" });
});

it("accepts a node that the runtime made already, and refuses another device under its name", async () => {
  const holder = await hold();
  const again = { ...plan, mounts: [], symlinks: [] };
  expect((await call(holder, { plan: again })).code).toBe(0);
  expect((await call(holder, { plan: again })).code).toBe(0);
  const other = structuredClone(again);
  (other.deviceNodes[0] as InjectionPlan["deviceNodes"][0]).minor = 77;
  expect((await call(holder, { plan: other })).stderr).toMatch(/^gpu-prestart: mknod \/dev\/\S+: File exists\n$/);
});
