import { chmod, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildFakeAndHook, HOOK } from "./support/builds.ts";
import { type Runtime, removeTestCgroups, runContainer, writeBundle } from "./support/container.ts";
import type { Finished } from "./support/exec.ts";
import { type GpuMachine, listGpus, makeGpuMachine } from "./support/gpu-machine.ts";
import { makeTinyRootfs, mountOverlay, type Overlay } from "./support/rootfs.ts";

let machine: GpuMachine;
let driverLayer: string;
let counter = 0;

beforeAll(async () => {
  await buildFakeAndHook("all");
  machine = await makeGpuMachine(4);
  await makeTinyRootfs(join(machine.folder, "image"));
  await chmod(machine.folder, 0o755); // a remapped root must reach the rootfs
  driverLayer = await machine.layerFor([join(machine.folder, "image")]);
});

afterAll(async () => {
  await removeTestCgroups();
  await machine.remove();
});

it("works without the driver layer, at the price of one empty folder in the writable layer", async () => {
  const result = await runWithGpus("runc", "prestart", [0], "nvidia-smi -L", false, []);
  expect(result.stderr).toBe("");
  expect(result.stdout).toContain(`(UUID: ${machine.uuids[0]})`);
  expect(result.written).toEqual(["usr/", "usr/local/", "usr/local/nvidia/"]);
});

async function runWithGpus(
  runtime: Runtime,
  hookKind: "prestart" | "createRuntime",
  gpus: number[],
  script: string,
  userNamespace = false,
  layers = [driverLayer],
): Promise<Finished & { written: string[] }> {
  const id = `gpu-test-${process.pid}-${counter++}`;
  const bundle = join(machine.folder, id);
  await mkdir(bundle);
  const overlay: Overlay = await mountOverlay([...layers, join(machine.folder, "image")], bundle);
  try {
    const { plan, rules } = await machine.planFor(gpus.map((gpu) => machine.uuids[gpu] as string));
    await writeBundle({ bundle, rootfs: overlay.merged, id, hook: HOOK, hookKind, plan, deviceRules: rules, script, userNamespace });
    const finished = await runContainer(runtime, { bundle, id }, join(machine.folder, `state-${runtime}`));
    return { ...finished, written: await overlay.written() };
  } finally {
    await overlay.unmount();
  }
}

const WAYS: [Runtime, "prestart" | "createRuntime"][] = [
  ["runc", "prestart"],
  ["runc", "createRuntime"],
  ["crun", "prestart"],
  ["crun", "createRuntime"],
];

describe.each(WAYS)("%s with a %s hook", (runtime, hookKind) => {
  it("shows exactly the assigned device nodes", async () => {
    const result = await runWithGpus(runtime, hookKind, [1, 3], "ls /dev | grep nvidia");
    expect(result.stderr).toBe("");
    expect(result.stdout.trim().split("\n")).toEqual(["nvidia-uvm", "nvidia-uvm-tools", "nvidia1", "nvidia3", "nvidiactl"]);
  });

  it("lists exactly the assigned GPUs with the injected nvidia-smi", async () => {
    const all = (await listGpus(machine.driverRoot)).trim().split("\n");
    const result = await runWithGpus(runtime, hookKind, [1, 3], "nvidia-smi -L");
    expect(result.stderr).toBe("");
    const uuid = (line: string | undefined): string => /GPU-[0-9a-f-]+/.exec(line ?? "")?.[0] ?? "none";
    expect(result.stdout.trim().split("\n").map(uuid)).toEqual([uuid(all[1]), uuid(all[3])]);
  });

  it("finds the libraries through ld.so.cache where a script has dropped every environment variable", async () => {
    const result = await runWithGpus(runtime, hookKind, [2], "unset LD_LIBRARY_PATH PATH; /bin/env -i /usr/bin/nvidia-smi -L");
    expect(result.stderr).toBe("");
    expect(result.stdout).toContain(`(UUID: ${machine.uuids[2]})`);
  });

  it("lets ldconfig run in the container, as installing a package does, and keeps the driver's libraries", async () => {
    const result = await runWithGpus(runtime, hookKind, [2], "ldconfig && /bin/env -i /usr/bin/nvidia-smi -L");
    expect(result.stderr).toBe("");
    expect(result.stdout).toContain(`(UUID: ${machine.uuids[2]})`);
  });

  it("lets an assigned device through the device filter and no other, even one the container makes itself", async () => {
    const script = "cat /dev/nvidia1; mknod /tmp/other c 195 0 && cat /tmp/other";
    const result = await runWithGpus(runtime, hookKind, [1], script);
    expect(result.stderr).toContain("/dev/nvidia1': No such device or address");
    expect(result.stderr).toContain("/tmp/other': Operation not permitted");
  });

  it("binds the host's nodes where a user namespace forbids making them", async () => {
    const result = await runWithGpus(runtime, hookKind, [1], "cat /dev/nvidia1; ls /dev | grep -c nvidia; nvidia-smi -L", true);
    expect(result.stderr).toContain("/dev/nvidia1': No such device or address");
    expect(result.stdout).toMatch(new RegExp(`^4\nGPU 0: .*\\(UUID: ${machine.uuids[1]}\\)\n$`));
  });

  it("leaves nothing in the writable layer and no mount on the host", async () => {
    const result = await runWithGpus(runtime, hookKind, [0], "exit 0");
    expect(result.code).toBe(0);
    expect(result.written).toEqual([]);
    expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(machine.folder);
  });

  it("gives files that can be read and run but not written", async () => {
    const script =
      "L=/usr/local/nvidia/lib64/libcuda.so.1; head -c 4 $L | grep -c ELF; echo x > $L; touch /usr/local/nvidia/new; ls /usr/local/nvidia/lib64";
    const result = await runWithGpus(runtime, hookKind, [0], script);
    expect(result.stdout).toContain("1\n");
    expect(result.stdout).toContain("libcuda.so\nlibcuda.so.1\nlibcuda.so.550.163.01\n");
    expect(result.stderr.match(/Read-only file system/g)).toHaveLength(2);
  });
});
