import { lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createGpuHost, type GpuHost, prepareSimulatedGpus } from "../../../src/node/gpu/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { buildFakeAndHook, FAKE_BUILD } from "./support/builds.ts";
import { tree } from "./support/rootfs.ts";

let stateDir: string;

beforeAll(() => buildFakeAndHook("all"));
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "berth-simulated-"));
});
afterEach(() => rm(stateDir, { recursive: true, force: true }));

const prepare = (count: number, folder = stateDir): ReturnType<typeof prepareSimulatedGpus> =>
  prepareSimulatedGpus({ stateDir: folder, count, fakeBuildDir: FAKE_BUILD });

async function hostOf(
  count: number,
  folder = stateDir,
  nvmlTimeoutMs = 30_000,
): Promise<{ host: GpuHost; driverRoot: string; nvmlLibrary: string }> {
  const simulated = await prepare(count, folder);
  const host = await createGpuHost({
    native: loadNative(),
    clock: systemClock(),
    stateDir: folder,
    driverRoot: simulated.driverRoot,
    simulated: true,
    nvmlTimeoutMs,
  });
  return { host, ...simulated };
}

const uuidsOf = async (host: GpuHost): Promise<string[]> => (await host.inventory()).gpus.map((gpu) => gpu.uuid);

describe("simulated GPUs", () => {
  it("are real character devices", async () => {
    const { driverRoot } = await prepare(2);
    expect(await readdir(join(driverRoot, "dev"))).toEqual(["nvidia-uvm", "nvidia-uvm-tools", "nvidia0", "nvidia1", "nvidiactl"]);
    expect((await stat(join(driverRoot, "dev/nvidia1"))).rdev).toBe(195 * 256 + 1);
  });

  it("are found through NVML with the addon", async () => {
    const { host } = await hostOf(3);
    const seen = await host.inventory();
    expect(seen).toMatchObject({ driverVersion: "550.163.01", cudaVersion: "12.4", simulated: true, problem: null });
    expect(seen.gpus.map((gpu) => [gpu.index, gpu.minor, gpu.healthy])).toEqual([
      [0, 0, true],
      [1, 1, true],
      [2, 2, true],
    ]);
    expect(new Set(seen.gpus.map((gpu) => gpu.uuid)).size).toBe(3);
  });

  it("keep their UUIDs over restarts and another count, and differ between data dirs", async () => {
    const first = await uuidsOf((await hostOf(2)).host);
    expect(await uuidsOf((await hostOf(2)).host)).toEqual(first);
    expect((await uuidsOf((await hostOf(4)).host)).slice(0, 2)).toEqual(first);
    expect(await uuidsOf((await hostOf(2, join(stateDir, "other"))).host)).not.toEqual(first);
  });

  it("are laid once, replaced for another count, and leave nothing half made", async () => {
    const { driverRoot } = await prepare(2);
    const before = await stat(driverRoot);
    expect((await stat((await prepare(2)).driverRoot)).ino).toBe(before.ino);
    const other = await prepare(3);
    expect(await readdir(join(stateDir, "simulated-gpus"))).toEqual([other.driverRoot.split("/").at(-1), "seed"]);
  });

  it.each([0, -1, 1.5, 65])("refuses %d of them", async (count) => {
    await expect(prepare(count)).rejects.toMatchObject({ code: "invalid_request" });
  });

  it("say what to build when the fake driver is missing", async () => {
    await expect(prepareSimulatedGpus({ stateDir, count: 1, fakeBuildDir: "/nonexistent" })).rejects.toMatchObject({
      code: "missing_requirement",
    });
  });
});

describe("a GPU host", () => {
  it("reports a lost GPU as not healthy and refuses to plan with it", async () => {
    const { host, nvmlLibrary } = await hostOf(2);
    const [, second = ""] = await uuidsOf(host);
    await configure(nvmlLibrary, "error.1=lost");
    expect((await host.inventory()).gpus[1]).toMatchObject({ uuid: second, healthy: false });
    await expect(host.planFor([second], { env: {} })).rejects.toMatchObject({ code: "gpu_unavailable" });
  });

  it("answers in time while NVML hangs", async () => {
    const { host, nvmlLibrary } = await hostOf(1, stateDir, 500);
    await host.inventory();
    await configure(nvmlLibrary, "hang-seconds=3");
    expect(await host.inventory()).toMatchObject({ problem: "NVML did not answer within 0.5 s", gpus: [{ healthy: false }] });
  });

  it("has no GPUs and no problem where there is no driver", async () => {
    const host = await createGpuHost({ native: loadNative(), clock: systemClock(), driverRoot: stateDir, simulated: false });
    expect(await host.inventory()).toEqual({ driverVersion: null, cudaVersion: null, simulated: false, gpus: [], problem: null });
  });

  it("makes one driver layer for images with the same loader cache, leaving out what an image has in the way", async () => {
    const { host } = await hostOf(1);
    const uuids = await uuidsOf(host);
    const layer = async (lowerDirs: string[]): Promise<string> => (await host.planFor(uuids, { env: {}, lowerDirs })).layer ?? "";
    const plain = await layer([await image("a", ["usr/bin/sh", "etc/ld.so.conf.d/libc.conf"])]);
    expect(await layer([await image("b", ["usr/bin/sh", "etc/ld.so.conf.d/x.conf"])])).toBe(plain);
    expect((await tree(plain)).filter((path) => !path.endsWith("/"))).toEqual([
      "etc/ld.so.cache",
      "etc/ld.so.conf.d/00-berth-nvidia.conf",
      "usr/bin/nvidia-cuda-mps-control",
      "usr/bin/nvidia-smi",
    ]);
    const own = await layer([await image("c", ["usr/bin/nvidia-smi", "usr/bin/nvidia-cuda-mps-control", "etc/ld.so.cache"])]);
    expect((await tree(own)).filter((path) => !path.endsWith("/"))).toEqual([]);
    expect(await tree(own)).toContain("usr/local/nvidia/");
  });

  it("lets every user of a container read what it gives, whatever the agent's umask", async () => {
    const before = process.umask(0o077);
    try {
      const { host } = await hostOf(1);
      const lowerDirs = [await image("d", ["usr/bin/sh", "etc/ld.so.conf.d/libc.conf"])];
      const { layer, plan } = await host.planFor(await uuidsOf(host), { env: {}, lowerDirs });
      const shown = [...(await tree(layer ?? "")).map((path) => join(layer ?? "", path)), ...plan.mounts.map((mount) => mount.hostPath)];
      for (const path of shown) {
        expect([path, (await lstat(path)).mode & 0o044]).toEqual([path, 0o044]);
      }
    } finally {
      process.umask(before);
    }
  });

  it("does not follow an image's links while it makes the layer", async () => {
    const { host } = await hostOf(1);
    const hostile = await image("hostile", ["x"]);
    await symlink("/etc", join(hostile, "etc"));
    await symlink("/", join(hostile, "usr"));
    const { layer } = await host.planFor(await uuidsOf(host), { env: {}, lowerDirs: [hostile] });
    expect(await tree(layer ?? "")).toEqual([]);
  });
});

async function configure(nvmlLibrary: string, line: string): Promise<void> {
  const path = nvmlLibrary.replace(/[^/]+$/, "fake-nvml.conf");
  await writeFile(path, `${await readFile(path, "utf8")}${line}\n`);
}

async function image(name: string, files: string[]): Promise<string> {
  for (const file of files) {
    await mkdir(dirname(join(stateDir, "images", name, file)), { recursive: true });
    await writeFile(join(stateDir, "images", name, file), "");
  }
  return join(stateDir, "images", name);
}
