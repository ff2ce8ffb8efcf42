import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DriverFiles, extraNodes, withExtraFiles } from "../../../src/node/gpu/index.ts";

const NODES: Record<string, [number, number]> = {
  "nvidia-fs0": [508, 0],
  "nvidia-fs15": [508, 15],
  "infiniband/uverbs0": [231, 192],
  "infiniband/rdma_cm": [10, 121],
  "infiniband/umad0": [231, 0],
  gdrdrv: [507, 0],
  "nvidia-nvswitchctl": [506, 255],
  "nvidia-nvswitch0": [506, 0],
  "nvidia-caps-imex-channels/channel0": [505, 0],
  nvidia0: [195, 0],
};

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "berth-extra-nodes-"));
  for (const [name, [major, minor]] of Object.entries(NODES)) {
    const path = join(root, "dev", name);
    await mkdir(dirname(path), { recursive: true });
    await promisify(execFile)("mknod", [path, "c", String(major), String(minor)]);
  }
  await writeFile(join(root, "dev/nvidia-fs1"), "no device");
  await symlink("/dev/zero", join(root, "dev/nvidia-fs2"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function paths(extras: Parameters<typeof extraNodes>[1], channels: number[] = []): Promise<string[]> {
  return (await extraNodes(root, extras, channels)).map((node) => node.path);
}

describe("device nodes beside the GPUs", () => {
  it("are those of what was asked and no others", async () => {
    expect(await paths(["gds"])).toEqual(["/dev/nvidia-fs0", "/dev/nvidia-fs15"]);
    expect(await paths(["mofed"])).toEqual(["/dev/infiniband/rdma_cm", "/dev/infiniband/uverbs0"]);
    expect(await paths(["gdrcopy", "nvswitch"])).toEqual(["/dev/gdrdrv", "/dev/nvidia-nvswitch0", "/dev/nvidia-nvswitchctl"]);
    expect(await paths([], [0])).toEqual(["/dev/nvidia-caps-imex-channels/channel0"]);
    expect(await paths([])).toEqual([]);
  });

  it("carry the numbers that the device rules need", async () => {
    expect((await extraNodes(root, ["gdrcopy"], []))[0]).toMatchObject({ hostPath: join(root, "dev/gdrdrv"), major: 507, minor: 0 });
  });

  it("are none where the machine has none", async () => {
    expect(await extraNodes(join(root, "nothing"), ["gds", "mofed", "gdrcopy", "nvswitch"], [])).toEqual([]);
  });

  it("must be there for an IMEX channel, which is asked by its number", async () => {
    await expect(paths([], [1])).rejects.toMatchObject({
      code: "gpu_unavailable",
      message: "/dev/nvidia-caps-imex-channels/channel1 is missing: this machine has no IMEX channel 1",
    });
  });
});

describe("files beside the GPUs", () => {
  const none = { services: [], fixedFiles: [] } as unknown as DriverFiles;

  it("are udev's database and cufile.json for GDS, as far as the machine has them", async () => {
    const own = await mkdtemp(join(root, "gds-"));
    expect(await withExtraFiles(none, own, ["gds"])).toEqual(none);
    await mkdir(join(own, "run/udev/data"), { recursive: true });
    await mkdir(join(own, "etc"));
    await writeFile(join(own, "etc/settings.json"), "{}");
    await symlink("/etc/settings.json", join(own, "etc/cufile.json"));
    expect(await withExtraFiles(none, own, ["gds"])).toEqual({
      services: [{ service: "udev", kind: "folder", hostPath: join(own, "run/udev") }],
      fixedFiles: [{ hostPath: join(own, "etc/settings.json"), path: "etc/cufile.json", place: "/etc/cufile.json" }],
    });
    expect(await withExtraFiles(none, own, ["mofed", "gdrcopy", "nvswitch"])).toEqual(none);
  });
});
