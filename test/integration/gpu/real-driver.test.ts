import { once } from "node:events";
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Capability,
  CDI_CAPABILITIES,
  createDriverRoot,
  DRIVER_FOLDER,
  type DriverFiles,
  deviceRules,
  mountPointsOf,
  planInjection,
  prepareDriverLayer,
  readCdiSnapshot,
  readDriverRoot,
  selectDriverFiles,
  writeCdiFile,
} from "../../../src/node/gpu/index.ts";
import { ensureBaseImage } from "../../support/base-image.ts";
import { type DriverPackages, ensureDriverPackages } from "../../support/driver-packages.ts";
import { buildFakeAndHook } from "./support/builds.ts";
import { cdiPodman, removePodmanCgroups } from "./support/cdi-podman.ts";
import { removeTestCgroups } from "./support/container.ts";
import { type Finished, must } from "./support/exec.ts";
import { runPlanned } from "./support/gpu-container.ts";
import { type GpuMachine, gpuMachine, inventoryOf } from "./support/gpu-machine.ts";
import { unpackArchive } from "./support/image-rootfs.ts";
import { layRealDriver } from "./support/real-driver.ts";

const packages = await ensureDriverPackages();
if ("unavailable" in packages) console.warn(`skipped, no real driver files: ${packages.unavailable}`);
/** Debian's links in /usr/bin are absolute and lead nowhere outside the root. */
const DEBIAN_PLACES = { program: "usr/lib/nvidia/current", libraries: "usr/lib/x86_64-linux-gnu/nvidia/current" };
const REAL = packages as DriverPackages;

describe.skipIf("unavailable" in packages)("NVIDIA's own driver files", () => {
  let machine: GpuMachine;
  let debian: string;

  beforeAll(async () => {
    await buildFakeAndHook("all");
    const folder = await mkdtemp(join(tmpdir(), "berth-real-"));
    await chmod(folder, 0o755);
    const root = join(folder, "driver");
    await layRealDriver(root, REAL, 4);
    machine = gpuMachine(folder, root, { ...(await inventoryOf(root, DEBIAN_PLACES)), driverVersion: REAL.version });
    debian = join(folder, "debian");
    await unpackArchive(await ensureBaseImage(), debian);
  }, 300_000);

  afterAll(async () => {
    await removeTestCgroups();
    await machine?.remove();
  });

  async function filesFor(capabilities: readonly Capability[]): Promise<DriverFiles> {
    return selectDriverFiles(await readDriverRoot(machine.driverRoot), capabilities, REAL.version) as DriverFiles;
  }

  async function runWithGpus(
    image: string,
    gpus: number[],
    script: string,
    capabilities: readonly Capability[] = ["utility", "compute"],
  ): Promise<Finished & { written: string[] }> {
    const driverFiles = await filesFor(capabilities);
    const gpuUuids = gpus.map((gpu) => machine.uuids[gpu] as string);
    const plan = planInjection({
      inventory: machine.inventory,
      driverFiles,
      gpuUuids,
      capabilities,
      rootfs: { env: { PATH: "/usr/bin:/bin" } },
    });
    const layer = await prepareDriverLayer({
      stateDir: machine.folder,
      lowerDirs: [image],
      driverFiles,
      driverFolder: DRIVER_FOLDER,
      architecture: process.arch,
      mountPoints: mountPointsOf(plan),
    });
    return runPlanned({ folder: machine.folder, layers: [layer, image], plan, deviceRules: deviceRules(plan), script });
  }

  it("are found whole, through Debian's alternatives and the root's ld.so.cache, with nothing that is not the driver's", async () => {
    const files = await filesFor(["utility", "compute", "video", "graphics"]);
    expect(files.problem).toBeNull();
    const names = files.libraries.map((file) => file.name.replace(`.so.${REAL.version}`, ""));
    for (const name of [
      "libcuda",
      "libnvidia-ml",
      "libnvidia-ptxjitcompiler",
      "libnvidia-encode",
      "libnvcuvid",
      "libvdpau_nvidia",
      "libEGL_nvidia",
    ]) {
      expect(names).toContain(name);
    }
    expect(files.binaries.map((file) => file.name)).toEqual(["nvidia-smi", "nvidia-cuda-mps-control", "nvidia-cuda-mps-server"]);
    expect(files.fixedFiles.map((file) => file.place)).toContain("/usr/share/glvnd/egl_vendor.d/10_nvidia.json");
    expect(new Set(files.libraries.map((file) => file.name)).size).toBe(files.libraries.length);
  });

  describe("in a Debian image", () => {
    it("let the real nvidia-smi list exactly the assigned GPUs, with no environment at all", async () => {
      const result = await runWithGpus(debian, [1, 3], "env -i /usr/bin/nvidia-smi -L");
      expect(result.stderr).toBe("");
      expect(result.stdout.match(/UUID: (GPU-[0-9a-f-]+)/g)).toEqual([`UUID: ${machine.uuids[1]}`, `UUID: ${machine.uuids[3]}`]);
      expect(result.written).toEqual([]);
    });

    it("are known to ldconfig before and after a package installation runs it", async () => {
      const result = await runWithGpus(
        debian,
        [0],
        "export PATH=/sbin:/bin; ldconfig -p | grep -c /usr/local/nvidia; ldconfig; ldconfig -p | grep libcuda",
      );
      const [before] = result.stdout.split("\n");
      expect(Number(before)).toBeGreaterThan(4);
      expect(result.stdout).toContain("libcuda.so.1 (libc6,x86-64) => /usr/local/nvidia/lib64/libcuda.so.1");
    });

    it("load: libcuda starts and says that there is no driver in this kernel", async () => {
      const probe = "import ctypes; print(ctypes.CDLL('libcuda.so.1').cuInit(0))";
      const result = await runWithGpus(debian, [0], `env -i /usr/bin/python3 -c "${probe}"`);
      // CUDA_ERROR_NO_DEVICE: the nodes are there, nothing is behind them.
      expect(result).toMatchObject({ stderr: "", stdout: "100\n" });
    });

    it("put ICD manifests where loaders look for them, for graphics only", async () => {
      const script =
        "cat /usr/share/glvnd/egl_vendor.d/10_nvidia.json /usr/share/vulkan/icd.d/nvidia_icd.json; cat /etc/OpenCL/vendors/nvidia.icd";
      const graphics = await runWithGpus(debian, [0], script, ["utility", "compute", "graphics"]);
      expect(graphics.stderr).toBe("");
      expect(graphics.stdout).toContain("libEGL_nvidia.so.0");
      expect(graphics.stdout).toContain("libGLX_nvidia.so.0");
      expect(graphics.stdout).toContain("libnvidia-opencl.so.1");
      const compute = await runWithGpus(debian, [0], "ls /usr/share/glvnd /usr/local/nvidia/lib64");
      expect(compute.stdout).not.toMatch(/egl_vendor|libEGL/);
    });

    it("reach the host's services: persistenced by its socket, MPS by its folder, and leave nothing in the writable layer", async () => {
      const socket = join(machine.driverRoot, "run/nvidia-persistenced/socket");
      const pipes = join(machine.driverRoot, "tmp/nvidia-mps");
      for (const path of [join(socket, ".."), pipes]) await mkdir(path, { recursive: true });
      const server = createServer((connection) => connection.end("hello from the host")).listen(socket);
      await once(server, "listening");
      const probe =
        "import socket, os; s = socket.socket(socket.AF_UNIX); s.connect('/run/nvidia-persistenced/socket'); print(s.recv(99).decode()); " +
        "open(os.environ['CUDA_MPS_PIPE_DIRECTORY'] + '/from-inside', 'w').write('x')";
      const result = await runWithGpus(debian, [0], `python3 -c "${probe}"`);
      server.close();
      expect(result).toMatchObject({ stderr: "", stdout: "hello from the host\n", written: [] });
      expect(await readdir(pipes)).toEqual(["from-inside"]);
      await rm(pipes, { recursive: true });
    });

    it("come with their 32-bit part for compat32, in a folder of its own that the loader knows", async () => {
      const folder = join(machine.driverRoot, "usr/lib/i386-linux-gnu");
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, `libcuda.so.${REAL.version}`), Buffer.from("7f454c4601", "hex"));
      await symlink(`libcuda.so.${REAL.version}`, join(folder, "libcuda.so.1"));
      const script = "/sbin/ldconfig -p | grep libcuda.so.1; echo $LD_LIBRARY_PATH";
      const result = await runWithGpus(debian, [0], script, ["utility", "compute", "compat32"]);
      await rm(folder, { recursive: true });
      expect(result.stdout).toContain("libcuda.so.1 (libc6) => /usr/local/nvidia/lib/libcuda.so.1\n");
      expect(result.stdout).toContain("libcuda.so.1 (libc6,x86-64) => /usr/local/nvidia/lib64/libcuda.so.1\n");
      expect(result.stdout).toContain("/usr/local/nvidia/lib64:/usr/local/nvidia/lib\n");
    });

    it("leave nothing in the writable layer with graphics either", async () => {
      const script = "cat /etc/nvidia/nvidia-application-profiles-rc.d/*";
      const result = await runWithGpus(debian, [1, 2], script, ["utility", "graphics"]);
      expect(result.stdout).toContain('"EGLVisibleDGPUDevices", 0x6');
      expect(result.written).toEqual([]);
    });

    it("work the same under podman by our CDI file", async () => {
      const cdiDir = join(machine.folder, "cdi");
      const sources = {
        inventory: async () => machine.inventory,
        driver: createDriverRoot(machine.driverRoot),
        capabilities: CDI_CAPABILITIES,
      };
      await writeCdiFile(join(cdiDir, "berth.yaml"), (await readCdiSnapshot(sources)).spec, "yaml");
      const podman = cdiPodman({ folder: machine.folder, cdiDir, rootfs: debian });
      const script = "nvidia-smi -L; python3 -c \"import ctypes; print(ctypes.CDLL('libcuda.so.1').cuInit(0))\"";
      const result = await podman.run(["nvidia.com/gpu=2"], "/bin/sh", "-c", script);
      await removePodmanCgroups();
      expect(result.stderr).toBe("");
      expect(result.stdout).toMatch(new RegExp(`^GPU 0: .*\\(UUID: ${machine.uuids[2]}\\)\n100\n$`));
    });
  });

  describe("in a musl image", () => {
    let musl: string;

    beforeAll(async () => {
      musl = join(machine.folder, "musl");
      await makeMuslRootfs(musl, REAL.musl);
    });

    it("are there, with the assigned device nodes, though glibc's programs cannot run", async () => {
      const script = "ls /dev | grep nvidia; ls /usr/local/nvidia/lib64 | grep 'libcuda.so.1$'; /usr/local/nvidia/bin/nvidia-smi -L";
      const result = await runWithGpus(musl, [2], script);
      expect(result.stdout).toBe("nvidia-uvm\nnvidia-uvm-tools\nnvidia2\nnvidiactl\nlibcuda.so.1\n");
      expect(result.stderr).toContain("nvidia-smi: not found");
    });

    it("are found by musl's loader, in the image's own order of folders, without any environment", async () => {
      const result = await runWithGpus(
        musl,
        [2],
        "/bin/busybox env -i /bin/dlopen-probe libnvidia-ptxjitcompiler.so.1; cat /etc/ld-musl-x86_64.path",
      );
      expect(result.stdout).not.toContain("No such file");
      expect(result.stdout).toContain("/lib\n/usr/local/lib\n/usr/lib\n/usr/local/nvidia/lib64\n");
    });
  });
});

const DLOPEN_PROBE = `
extern void *dlopen(const char *, int); extern char *dlerror(void); extern int puts(const char *);
int main(int argc, char **argv) { return puts(dlopen(argv[1], 2) ? "loaded" : dlerror()), argc == 0; }`;

/** What an Alpine image is to a driver: musl's loader, no glibc, busybox. */
async function makeMuslRootfs(rootfs: string, packages: string): Promise<void> {
  for (const name of ["bin", "dev", "proc", "lib", "usr/bin", "usr/lib", "etc", "tmp"])
    await mkdir(join(rootfs, name), { recursive: true });
  await copyFile("/usr/bin/busybox", join(rootfs, "bin/busybox"));
  for (const name of ["sh", "ls", "cat", "grep"]) await symlink("busybox", join(rootfs, "bin", name));
  await copyFile(join(packages, "lib/x86_64-linux-musl/libc.so"), join(rootfs, "lib/ld-musl-x86_64.so.1"));
  await symlink("ld-musl-x86_64.so.1", join(rootfs, "lib/libc.musl-x86_64.so.1"));
  const source = `${rootfs}-probe.c`;
  await writeFile(source, DLOPEN_PROBE);
  const crt = join(packages, "usr/lib/x86_64-linux-musl");
  const link = ["-nostdlib", "-no-pie", "-Wl,-dynamic-linker,/lib/ld-musl-x86_64.so.1", join(crt, "crt1.o"), join(crt, "crti.o")];
  await must("cc", [
    "-w",
    "-fno-stack-protector",
    "-o",
    join(rootfs, "bin/dlopen-probe"),
    ...link,
    source,
    join(rootfs, "lib/ld-musl-x86_64.so.1"),
    join(crt, "crtn.o"),
  ]);
}
