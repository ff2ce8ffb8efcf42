import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createGpuHost, type GpuHost, prepareSimulatedGpus } from "../../../src/node/gpu/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { buildFakeAndHook, FAKE_BUILD, HOOK } from "./support/builds.ts";
import { removeTestCgroups, runContainer, writeBundle } from "./support/container.ts";
import { type Finished, must } from "./support/exec.ts";
import { makeTinyRootfs, mountOverlay } from "./support/rootfs.ts";

let folder: string;
let host: GpuHost;

beforeAll(async () => {
  await buildFakeAndHook("all");
  folder = await mkdtemp(join(tmpdir(), "berth-gds-"));
  const { driverRoot } = await prepareSimulatedGpus({ stateDir: folder, count: 1, fakeBuildDir: FAKE_BUILD });
  await must("mknod", [join(driverRoot, "dev/nvidia-fs0"), "c", "508", "0"]);
  await mkdir(join(driverRoot, "run/udev/data"), { recursive: true });
  await writeFile(join(driverRoot, "run/udev/data/b259:0"), "E:ID_BUS=nvme\n");
  await mkdir(join(driverRoot, "etc"), { recursive: true });
  await writeFile(join(driverRoot, "etc/cufile.json"), '{"host":true}');
  await makeTinyRootfs(join(folder, "image"));
  const options = { native: loadNative(), clock: systemClock(), stateDir: folder, driverRoot, simulated: true };
  host = await createGpuHost({ ...options, allowedExtras: ["gds"] });
});

afterAll(async () => {
  await removeTestCgroups();
  await rm(folder, { recursive: true, force: true });
});

async function runJob(name: string, env: Record<string, string>, script: string): Promise<Finished & { written: string[] }> {
  const bundle = join(folder, name);
  await mkdir(bundle);
  const lowerDirs = [join(folder, "image")];
  const uuids = (await host.inventory()).gpus.map(({ uuid }) => uuid);
  const { plan, deviceRules, layer } = await host.planFor(uuids, { env: { PATH: "/bin", ...env }, lowerDirs });
  const overlay = await mountOverlay([layer as string, ...lowerDirs], bundle);
  try {
    const id = `gpu-gds-${process.pid}-${name}`;
    const base = { bundle, id, rootfs: overlay.merged, hook: HOOK, hookKind: "prestart", userNamespace: false } as const;
    await writeBundle({ ...base, plan, deviceRules, script });
    return { ...(await runContainer("runc", { bundle, id }, join(folder, "state"))), written: await overlay.written() };
  } finally {
    await overlay.unmount();
  }
}

it("a job with NVIDIA_GDS=enabled has the node, udev's database read-only and the machine's cufile.json, and writes none of it", async () => {
  const script = "ls /dev | grep nvidia-fs; cat /run/udev/data/b259:0 /etc/cufile.json $CUFILE_ENV_PATH_JSON; touch /run/udev/new";
  const { stdout, stderr, written } = await runJob("gds", { NVIDIA_GDS: "enabled" }, script);
  expect(stdout).toBe('nvidia-fs0\nE:ID_BUS=nvme\n{"host":true}{"host":true}');
  expect(stderr).toBe("touch: /run/udev/new: Read-only file system\n");
  expect(written).toEqual([]);
});

it("a job without it has none of these", async () => {
  const { stdout } = await runJob("plain", {}, "ls /dev | grep nvidia-fs; ls /run /etc; echo $CUFILE_ENV_PATH_JSON");
  expect(stdout).not.toMatch(/nvidia-fs|udev|cufile/);
});
