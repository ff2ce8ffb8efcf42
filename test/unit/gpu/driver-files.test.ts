import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Capability, closeCapabilities, type DriverFiles, readDriverRoot, selectDriverFiles } from "../../../src/node/gpu/index.ts";

const LIB = "usr/lib/x86_64-linux-gnu";
let root: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "berth-driver-root-")));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function lay(...paths: string[]): Promise<void> {
  for (const path of paths) {
    const [name = "", target] = path.split(" -> ");
    await mkdir(dirname(join(root, name)), { recursive: true });
    await (target === undefined ? writeFile(join(root, name), "") : symlink(target, join(root, name)));
  }
}

async function select(capabilities: Capability[], version: string | null = null): Promise<DriverFiles | null> {
  return selectDriverFiles(await readDriverRoot(root), capabilities, version);
}

describe("reading a driver root and choosing from it", () => {
  it("finds nothing on a machine without a driver", async () => {
    expect(await select(["compute"])).toBeNull();
  });

  it("takes the libraries of the capability and their links, and nothing else", async () => {
    await lay(`${LIB}/libcuda.so.550.1`, `${LIB}/libcuda.so.1 -> libcuda.so.550.1`, `${LIB}/libcuda.so -> libcuda.so.1`);
    await lay(`${LIB}/libnvidia-encode.so.550.1`, `${LIB}/libcudart.so.12.0`, `${LIB}/libnvidia-ml.so.550.1`);
    const files = await select(["compute"]);
    expect(files?.version).toBe("550.1");
    expect(files?.libraries).toEqual([{ name: "libcuda.so.550.1", hostPath: join(root, LIB, "libcuda.so.550.1") }]);
    expect(files?.libraryLinks).toEqual([
      { name: "libcuda.so", target: "libcuda.so.550.1" },
      { name: "libcuda.so.1", target: "libcuda.so.550.1" },
    ]);
  });

  it("leaves the leftovers of an older driver where they are", async () => {
    await lay(`${LIB}/libcuda.so.535.9`, `${LIB}/libcuda.so.550.1`, `${LIB}/libnvidia-ptxjitcompiler.so.535.9`);
    const files = await select(["compute"], "550.1");
    expect(files?.libraries.map((file) => file.name)).toEqual(["libcuda.so.550.1"]);
  });

  it("follows Debian's alternatives to the real file", async () => {
    await lay(`${LIB}/nvidia/current/libnvidia-ml.so.550.1`, `etc/alternatives/ml -> ../../${LIB}/nvidia/current/libnvidia-ml.so.550.1`);
    await lay(`${LIB}/libnvidia-ml.so.1 -> ../../../etc/alternatives/ml`);
    const files = await select(["utility"]);
    expect(files?.libraries).toEqual([
      { name: "libnvidia-ml.so.550.1", hostPath: join(root, LIB, "nvidia/current/libnvidia-ml.so.550.1") },
    ]);
    expect(files?.libraryLinks).toEqual([{ name: "libnvidia-ml.so.1", target: "libnvidia-ml.so.550.1" }]);
  });

  it("prefers the 64-bit folder where a 32-bit one has the same names", async () => {
    await lay("usr/lib/libcuda.so.550.1", "usr/lib64/libcuda.so.550.1");
    const files = await select(["compute"], "550.1");
    expect(files?.libraries[0]?.hostPath).toBe(join(root, "usr/lib64/libcuda.so.550.1"));
  });

  it("ignores dangling links and folders that have a library's name", async () => {
    await mkdir(join(root, LIB, "libcuda.so.550.1"), { recursive: true });
    await lay(`${LIB}/libcudadebugger.so.550.1 -> nowhere`);
    expect((await select(["compute"], "550.1"))?.libraries).toEqual([]);
  });

  it("lists the firmware of this driver only", async () => {
    await lay("lib/firmware/nvidia/550.1/gsp_ga10x.bin", "lib/firmware/nvidia/535.9/gsp_ga10x.bin", "lib/firmware/nvidia/550.1/other.bin");
    expect((await select(["utility"], "550.1"))?.firmware).toEqual([join(root, "lib/firmware/nvidia/550.1/gsp_ga10x.bin")]);
  });

  it("says which device nodes are missing and takes no plain file for one", async () => {
    await lay("dev/nvidiactl");
    expect((await select(["compute"], "550.1"))?.missingNodes).toEqual(["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"]);
  });

  it("takes binaries by name", async () => {
    await lay("usr/bin/nvidia-smi", "usr/bin/nvidia-settings");
    expect((await select(["utility"], "550.1"))?.binaries).toEqual([{ name: "nvidia-smi", hostPath: join(root, "usr/bin/nvidia-smi") }]);
  });
});

it("adds what a capability implies, once", () => {
  expect(closeCapabilities(["video", "display", "compute"])).toEqual(["compute", "video", "graphics", "display"]);
});
