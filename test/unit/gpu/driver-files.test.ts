import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type Capability,
  closeCapabilities,
  createDriverRoot,
  type DriverFiles,
  findNvml,
  readDriverRoot,
  selectDriverFiles,
  writeLdCache,
} from "../../../src/node/gpu/index.ts";

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

  it("resolves absolute links of a driver container's root inside that root, as the container would", async () => {
    await lay("opt/driver/libcuda.so.550.1", `${LIB}/libcuda.so.550.1 -> /opt/driver/libcuda.so.550.1`);
    await lay(
      `${LIB}/libnvidia-ml.so.550.1 -> ../../../../../../../../etc/passwd`,
      "etc/passwd",
      `${LIB}/libcudadebugger.so.550.1 -> /proc/1/exe`,
    );
    expect((await select(["compute", "utility"], "550.1"))?.libraries.map((file) => file.hostPath)).toEqual([
      join(root, "etc/passwd"),
      join(root, "opt/driver/libcuda.so.550.1"),
    ]);
  });

  it("gives up on links that go in circles", async () => {
    await lay(`${LIB}/libcuda.so.550.1 -> libcuda.so.1`, `${LIB}/libcuda.so.1 -> libcuda.so.550.1`);
    expect((await select(["compute"], "550.1"))?.libraries).toEqual([]);
  });

  it("looks where the root's own ld.so.cache says", async () => {
    await lay("nix/driver/libcuda.so.550.1", "nix/driver/libcuda.so.1 -> libcuda.so.550.1", "etc/ld.so.cache");
    const entry = { flags: 0x0303, osVersion: 0, hwcap: 0n, name: "libcuda.so.1", path: "/nix/driver/libcuda.so.1" };
    await writeFile(join(root, "etc/ld.so.cache"), writeLdCache({ entries: [entry], hwcaps: [] }));
    expect((await select(["compute"]))?.libraries.map((file) => file.hostPath)).toEqual([join(root, "nix/driver/libcuda.so.550.1")]);
  });

  it("is not confused by a damaged ld.so.cache", async () => {
    await lay(`${LIB}/libcuda.so.550.1`);
    await mkdir(join(root, "etc"));
    await writeFile(join(root, "etc/ld.so.cache"), Buffer.alloc(200, 0xff));
    expect((await select(["compute"], "550.1"))?.libraries).toHaveLength(1);
  });

  it("keeps 32-bit and 64-bit files apart by their ELF header, and takes the 32-bit ones for compat32 only", async () => {
    await lay("usr/lib64/libcuda.so.550.1", "usr/lib/libcuda.so.550.1", "usr/lib/libcuda.so.1 -> libcuda.so.550.1");
    await writeFile(join(root, "usr/lib64/libcuda.so.550.1"), Buffer.from("7f454c4602", "hex"));
    await writeFile(join(root, "usr/lib/libcuda.so.550.1"), Buffer.from("7f454c4601", "hex"));
    expect((await select(["compute"], "550.1"))?.libraries32).toEqual([]);
    const files = await select(["compute", "compat32"], "550.1");
    expect(files?.libraries.map((file) => file.hostPath)).toEqual([join(root, "usr/lib64/libcuda.so.550.1")]);
    expect(files?.libraries32.map((file) => file.hostPath)).toEqual([join(root, "usr/lib/libcuda.so.550.1")]);
    expect(files?.libraryLinks32.map((link) => link.name)).toEqual(["libcuda.so.1", "libcuda.so"]);
  });

  it("takes libraries with a version of their own by their soname", async () => {
    await lay(
      `${LIB}/libnvidia-egl-gbm.so.1.1.0`,
      `${LIB}/libnvidia-egl-gbm.so.1 -> libnvidia-egl-gbm.so.1.1.0`,
      `${LIB}/libnvidia-nvvm70.so.4`,
    );
    expect((await select(["graphics"], "550.1"))?.libraries.map((file) => file.name)).toEqual(["libnvidia-egl-gbm.so.1.1.0"]);
    expect((await select(["compute"], "550.1"))?.libraries.map((file) => file.name)).toEqual(["libnvidia-nvvm70.so.4"]);
  });

  it("takes a library that no table knows along with compute, when it has the driver's version", async () => {
    await lay(`${LIB}/libnvidia-brandnew.so.550.1`, `${LIB}/libnvidia-brandnew.so.535.9`, `${LIB}/libnvidia-container.so.1.17.0`);
    expect((await select(["compute"], "550.1"))?.libraries.map((file) => file.name)).toEqual(["libnvidia-brandnew.so.550.1"]);
    expect((await select(["utility"], "550.1"))?.libraries).toEqual([]);
  });

  it("makes the links that programs open and packages do not ship", async () => {
    const names = ["libcuda", "libnvidia-opticalflow", "libvdpau_nvidia", "libGLX_nvidia"];
    await lay(...names.map((name) => `${LIB}/${name}.so.550.1`));
    expect((await select(["compute", "video", "graphics"], "550.1"))?.libraryLinks).toEqual([
      { name: "libcuda.so", target: "libcuda.so.550.1" },
      { name: "libvdpau_nvidia.so", target: "libvdpau_nvidia.so.550.1" },
      { name: "libnvidia-opticalflow.so", target: "libnvidia-opticalflow.so.550.1" },
      { name: "libGLX_indirect.so.0", target: "libGLX_nvidia.so.550.1" },
    ]);
  });

  it("takes ICD manifests, OptiX kernels, application profiles of this version and X drivers for graphics, OpenCL's for compute", async () => {
    await lay(
      "usr/share/glvnd/egl_vendor.d/10_nvidia.json",
      "usr/share/glvnd/egl_vendor.d/50_mesa.json",
      "etc/vulkan/icd.d/nvidia_icd.json",
    );
    await lay("usr/share/vulkan/implicit_layer.d/nvidia_layers.json", "usr/share/egl/egl_external_platform.d/15_nvidia_gbm.json");
    await lay("usr/share/nvidia/nvoptix.bin", "usr/share/nvidia/nvidia-application-profiles-550.1-rc");
    await lay("usr/share/nvidia/nvidia-application-profiles-535.9-rc", "etc/OpenCL/vendors/nvidia.icd");
    await lay("usr/lib/xorg/modules/drivers/nvidia_drv.so", `${LIB}/libnvidia-allocator.so.550.1`);
    await lay(`${LIB}/gbm/nvidia-drm_gbm.so -> ../libnvidia-allocator.so.550.1`);
    const paths = async (capability: Capability) =>
      (await select([capability], "550.1"))?.fixedFiles.map(({ path, place }) => `${path} ${place}`).sort();
    expect(await paths("compute")).toEqual(["share/OpenCL/vendors/nvidia.icd /etc/OpenCL/vendors/nvidia.icd"]);
    expect(await paths("utility")).toEqual([]);
    expect(await paths("graphics")).toEqual([
      `lib64/gbm/nvidia-drm_gbm.so /${LIB}/gbm/nvidia-drm_gbm.so`,
      "lib64/xorg/drivers/nvidia_drv.so /usr/lib/xorg/modules/drivers/nvidia_drv.so",
      "share/egl/egl_external_platform.d/15_nvidia_gbm.json /usr/share/egl/egl_external_platform.d/15_nvidia_gbm.json",
      "share/glvnd/egl_vendor.d/10_nvidia.json /usr/share/glvnd/egl_vendor.d/10_nvidia.json",
      "share/nvidia/nvidia-application-profiles-550.1-rc /usr/share/nvidia/nvidia-application-profiles-550.1-rc",
      "share/nvidia/nvoptix.bin /usr/share/nvidia/nvoptix.bin",
      "share/vulkan/icd.d/nvidia_icd.json /etc/vulkan/icd.d/nvidia_icd.json",
      "share/vulkan/implicit_layer.d/nvidia_layers.json /usr/share/vulkan/implicit_layer.d/nvidia_layers.json",
    ]);
  });

  it("takes binaries by name", async () => {
    await lay("usr/bin/nvidia-smi", "usr/bin/nvidia-settings");
    expect((await select(["utility"], "550.1"))?.binaries).toEqual([{ name: "nvidia-smi", hostPath: join(root, "usr/bin/nvidia-smi") }]);
  });
});

describe("finding NVML", () => {
  it("follows a driver container's absolute links inside its root", async () => {
    await lay(`${LIB}/nvidia/current/libnvidia-ml.so.550.1`, `etc/alternatives/ml -> /${LIB}/nvidia/current/libnvidia-ml.so.550.1`);
    await lay(`${LIB}/libnvidia-ml.so.1 -> /etc/alternatives/ml`);
    expect(await findNvml(root)).toBe(join(root, LIB, "nvidia/current/libnvidia-ml.so.550.1"));
  });

  it("asks ld.so.cache where the known folders have none", async () => {
    await lay("nix/driver/libnvidia-ml.so.1", "etc/ld.so.cache");
    expect(await findNvml(join(root, "nix"))).toBeNull();
    const entry = { flags: 0x0303, osVersion: 0, hwcap: 0n, name: "libnvidia-ml.so.1", path: "/nix/driver/libnvidia-ml.so.1" };
    await writeFile(join(root, "etc/ld.so.cache"), writeLdCache({ entries: [entry], hwcaps: [] }));
    expect(await findNvml(root)).toBe(join(root, "nix/driver/libnvidia-ml.so.1"));
  });
});

describe("an upgrade of the driver", () => {
  it("is refused while the libraries on the disk are not those of the running driver", async () => {
    await lay(`${LIB}/libcuda.so.560.2`, `${LIB}/libcuda.so.1 -> libcuda.so.560.2`, `${LIB}/libcuda.so.550.1`);
    expect((await select(["compute"], "550.1"))?.problem).toBe(
      "the running driver is 550.1, but libcuda.so.1 leads to 560.2: an upgrade is under way, or waits for its kernel module; " +
        "finish it and reload the module or reboot",
    );
  });

  it("is refused half way, when one library is the new one already", async () => {
    await lay(`${LIB}/libcuda.so.550.1`, `${LIB}/libcuda.so.1 -> libcuda.so.550.1`);
    await lay(`${LIB}/libnvidia-ptxjitcompiler.so.550.1`, `${LIB}/libnvidia-ptxjitcompiler.so.560.2`);
    await lay(`${LIB}/libnvidia-ptxjitcompiler.so.1 -> libnvidia-ptxjitcompiler.so.560.2`);
    expect((await select(["compute"], "550.1"))?.problem).toContain("libnvidia-ptxjitcompiler.so.1 leads to 560.2");
  });

  it("does not mind links of an older driver's libraries that this one no longer has", async () => {
    await lay(`${LIB}/libcuda.so.550.1`, `${LIB}/libcuda.so.1 -> libcuda.so.550.1`);
    await lay(`${LIB}/libnvidia-fatbinaryloader.so.390.1`, `${LIB}/libnvidia-fatbinaryloader.so.1 -> libnvidia-fatbinaryloader.so.390.1`);
    expect((await select(["compute"], "550.1"))?.problem).toBeNull();
  });

  it("is refused while NVML and the loaded kernel module do not agree", async () => {
    await lay(`${LIB}/libcuda.so.550.1`, `${LIB}/libcuda.so.1 -> libcuda.so.550.1`, "proc/driver/nvidia/version");
    const version = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  560.2  Release Build\nGCC version: 12\n";
    await writeFile(join(root, "proc/driver/nvidia/version"), version);
    expect((await select(["compute"], "550.1"))?.problem).toBe("NVML speaks for driver 550.1, the loaded kernel module is 560.2");
  });

  it("is noticed at the next look, and nothing is read twice before it", async () => {
    await lay(`${LIB}/libcuda.so.550.1`, `${LIB}/libcuda.so.1 -> libcuda.so.550.1`);
    const driver = createDriverRoot(root);
    const first = await driver.read();
    expect((await driver.read()).libraries).toBe(first.libraries);
    await lay(`${LIB}/libcuda.so.560.2`, `${LIB}/new -> libcuda.so.560.2`);
    await rename(join(root, LIB, "new"), join(root, LIB, "libcuda.so.1"));
    await rm(join(root, LIB, "libcuda.so.550.1"));
    const second = await driver.read();
    expect(selectDriverFiles(second, ["compute"], null)?.version).toBe("560.2");
    expect(second.libraries.map((file) => file.name)).toEqual(["libcuda.so.1", "libcuda.so.560.2"]);
  });
});

it("adds what a capability implies, once", () => {
  expect(closeCapabilities(["video", "display", "compute"])).toEqual(["compute", "video", "graphics", "display"]);
});
