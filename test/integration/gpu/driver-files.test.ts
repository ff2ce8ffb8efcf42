import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Capability, type DriverFiles, readDriverRoot, removeUnusedLayers, selectDriverFiles } from "../../../src/node/gpu/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { must } from "./support/exec.ts";
import { tree } from "./support/rootfs.ts";

/** The built one: what the test is about needs a process of fewer capabilities. */
const LAYERS_MODULE = new URL("../../../dist/node/gpu/layer/remove-unused-layers.js", import.meta.url).href;

let folder: string;
let root: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-driver-files-"));
  root = join(folder, "root");
  await mkdir(join(root, "dev"), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function select(...capabilities: Capability[]): Promise<DriverFiles> {
  return selectDriverFiles(await readDriverRoot(root), capabilities, "550.1") as DriverFiles;
}

async function node(name: string, major: number, minor: number): Promise<void> {
  const path = join(root, "dev", name);
  await mkdir(join(path, ".."), { recursive: true });
  await must("mknod", ["-m", "0660", path, "c", String(major), String(minor)]);
}

async function listen(path: string): Promise<Server> {
  await mkdir(join(root, path, ".."), { recursive: true });
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.on("error", reject).listen(join(root, path), resolve));
  return server;
}

describe("device nodes of a driver root", () => {
  it("are told apart: GPUs and control nodes", async () => {
    await node("nvidia0", 195, 0);
    await node("nvidia17", 195, 17);
    await node("nvidiactl", 195, 255);
    await node("nvidia-modeset", 195, 254);
    await node("nvidia-caps/nvidia-cap12", 237, 12);
    await node("nvidia-caps-imex-channels/channel0", 238, 0);
    const files = await select("display");
    expect(files.gpuNodes.map(({ path, minor }) => [path, minor])).toEqual([
      ["/dev/nvidia0", 0],
      ["/dev/nvidia17", 17],
    ]);
    expect(files.controlNodes.map(({ path }) => path)).toEqual(["/dev/nvidiactl", "/dev/nvidia-modeset"]);
  });

  it("of MIG are those that procfs names, by GPU, GPU instance and compute instance", async () => {
    await node("nvidia-caps/nvidia-cap12", 237, 12);
    await node("nvidia-caps/nvidia-cap13", 4095, 70_000);
    const access = async (folder: string, minor: number): Promise<void> => {
      await mkdir(join(root, "proc/driver/nvidia/capabilities", folder), { recursive: true });
      await writeFile(join(root, "proc/driver/nvidia/capabilities", folder, "access"), `DeviceFileMinor: ${minor}\nDeviceFileMode: 292\n`);
    };
    await access("gpu3/mig/gi7", 12);
    await access("gpu3/mig/gi7/ci0", 13);
    await access("gpu3/mig/gi8", 99);
    await access("mig/config", 1);
    const { migNodes } = await select("utility");
    expect(migNodes.map(({ procFile, node: { path, minor } }) => [procFile, path, minor])).toEqual([
      ["capabilities/gpu3/mig/gi7/access", "/dev/nvidia-caps/nvidia-cap12", 12],
      ["capabilities/gpu3/mig/gi7/ci0/access", "/dev/nvidia-caps/nvidia-cap13", 70_000],
    ]);
  });

  it("of /dev/dri belong to the GPU that udev's links name, and come with graphics only", async () => {
    await node("dri/card1", 226, 1);
    await node("dri/renderD129", 226, 129);
    await node("dri/renderD128", 226, 128);
    await mkdir(join(root, "dev/dri/by-path"));
    await symlink("../card1", join(root, "dev/dri/by-path/pci-0000:3B:00.0-card"));
    await symlink("../renderD129", join(root, "dev/dri/by-path/pci-0000:3B:00.0-render"));
    expect((await select("graphics")).renderNodes.map(({ pciAddress, node: { path } }) => [pciAddress, path])).toEqual([
      ["0000:3b:00.0", "/dev/dri/card1"],
      ["0000:3b:00.0", "/dev/dri/renderD129"],
    ]);
    expect((await select("compute")).renderNodes).toEqual([]);
  });
});

describe("services of the host", () => {
  it("are reached by their sockets while they run", async () => {
    const servers = [await listen("run/nvidia-persistenced/socket"), await listen("run/nvidia-fabricmanager/socket")];
    const [utility, compute] = [await select("utility"), await select("compute")];
    for (const server of servers) await new Promise((resolve) => server.close(resolve));
    expect(utility.services.map(({ service, kind }) => [service, kind])).toEqual([
      ["persistenced", "socket"],
      ["fabricmanager", "socket"],
    ]);
    expect(compute.services).toEqual([]);
    expect((await select("utility")).services).toEqual([]);
  });

  it("take no plain file for a socket", async () => {
    await mkdir(join(root, "run/nvidia-persistenced"), { recursive: true });
    await writeFile(join(root, "run/nvidia-persistenced/socket"), "");
    expect((await select("utility")).services).toEqual([]);
  });

  it("include MPS by its folder of pipes, with compute, when it is root's", async () => {
    const mps = join(root, "tmp/nvidia-mps");
    await mkdir(mps, { recursive: true });
    expect((await select("compute")).services).toEqual([{ service: "mps", kind: "folder", hostPath: mps }]);
    expect((await select("utility")).services).toEqual([]);
    await must("chown", ["65534", mps]);
    expect((await select("compute")).services).toEqual([]);
    await rm(mps, { recursive: true });
    await symlink("/etc", mps);
    expect((await select("compute")).services).toEqual([]);
  });
});

describe("driver layers of earlier runs", () => {
  const [used, unused] = ["a".repeat(32), "b".repeat(32)];

  it("are removed unless an overlay is made of them, half-laid ones too", async () => {
    const layers = join(folder, "gpu-layers");
    for (const name of [used, unused, ".new-xyz", "image"]) await mkdir(join(layers, name, "etc"), { recursive: true });
    const [upper, work, target] = await Promise.all(["upper", "work", "target"].map(async (name) => made(join(folder, name))));
    const lowerDirs = [join(layers, used), join(layers, "image")];
    await loadNative().mountOverlay({ lowerDirs, upper: upper as string, work: work as string, target: target as string });
    try {
      expect((await removeUnusedLayers(folder)).sort()).toEqual([".new-xyz", unused]);
      expect((await tree(layers)).filter((path) => !path.includes("/etc"))).toEqual([`${used}/`, "image/"]);
    } finally {
      await must("umount", [target as string]);
    }
    expect((await removeUnusedLayers(folder)).sort()).toEqual([used, "image"]);
  });

  it("are kept while only a container's own mount namespace has the overlay", async () => {
    const layers = join(folder, "gpu-layers");
    for (const name of [used, "image"]) await mkdir(join(layers, name), { recursive: true });
    const target = await made(join(folder, "target"));
    const script = `mount -t overlay overlay -o lowerdir=${layers}/${used}:${layers}/image ${target} && echo mounted && exec cat`;
    const holder = spawn("unshare", ["-m", "--propagation", "private", "sh", "-c", script], { stdio: ["pipe", "pipe", "inherit"] });
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    expect(await removeUnusedLayers(folder)).toEqual([]);
    holder.stdin.end();
    await new Promise((resolve) => holder.once("exit", resolve));
    expect((await removeUnusedLayers(folder)).sort()).toEqual([used, "image"]);
  });

  it("are told apart as well where a process with more capabilities than ours hides its mount namespace", async () => {
    const layers = join(folder, "gpu-layers");
    for (const name of [used, unused, "image"]) await mkdir(join(layers, name), { recursive: true });
    const target = await made(join(folder, "target"));
    const script = `mount -t overlay overlay -o lowerdir=${layers}/${used}:${layers}/image ${target} && echo mounted && exec cat`;
    const holder = spawn("unshare", ["-m", "--propagation", "private", "sh", "-c", script], { stdio: ["pipe", "pipe", "inherit"] });
    const ended = new Promise((resolve) => holder.once("exit", resolve));
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    const program = `
      import { readlinkSync } from "node:fs";
      import { removeUnusedLayers } from ${JSON.stringify(LAYERS_MODULE)};
      let code = null;
      try { readlinkSync("/proc/${holder.pid}/ns/mnt"); } catch (error) { code = error.code; }
      console.log(JSON.stringify([code, (await removeUnusedLayers(${JSON.stringify(folder)})).sort()]));`;
    try {
      const weaker = ["--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace", process.execPath, "--input-type=module", "-e", program];
      expect(JSON.parse(await must("setpriv", weaker))).toEqual(["EACCES", [unused]]);
    } finally {
      holder.stdin.end();
      await ended;
    }
  });

  it("are nothing to speak of on a fresh machine", async () => {
    expect(await removeUnusedLayers(folder)).toEqual([]);
  });
});

async function made(path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  return path;
}
