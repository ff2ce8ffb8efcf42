import { describe, expect, it } from "vitest";
import {
  type DeviceNode,
  type DriverFiles,
  deviceRules,
  type GpuInventory,
  hostState,
  planInjection,
} from "../../../src/node/gpu/index.ts";
import type { Gpu } from "../../../src/shared/domain/index.ts";
import { gpuOf } from "../../support/control-samples.ts";

function gpu(index: number, changes: Partial<Gpu> = {}): Gpu {
  const card = { model: "H100", memoryBytes: 1, computeCapability: "9.0" };
  return gpuOf("", index, { ...card, uuid: `GPU-${index}`, pciBusId: "", ...changes });
}

function node(name: string, major: number, minor: number): DeviceNode {
  return { path: `/dev/${name}`, hostPath: `/dev/${name}`, major, minor, fileMode: 0o666, uid: 0, gid: 0 };
}

const FILES: DriverFiles = {
  version: "550.1",
  libraries: [{ name: "libcuda.so.550.1", hostPath: "/usr/lib/libcuda.so.550.1" }],
  libraryLinks: [{ name: "libcuda.so.1", target: "libcuda.so.550.1" }],
  libraries32: [],
  libraryLinks32: [],
  binaries: [{ name: "nvidia-smi", hostPath: "/usr/bin/nvidia-smi" }],
  fixedFiles: [],
  services: [],
  firmware: [],
  controlNodes: [node("nvidiactl", 195, 255), node("nvidia-uvm", 510, 0)],
  gpuNodes: [0, 1, 2].map((minor) => node(`nvidia${minor}`, 195, minor)),
  migNodes: [],
  renderNodes: [],
  missingNodes: [],
  problem: null,
  params: "ModifyDeviceFiles: 1\nDeviceFileMode: 438\n",
};

function plan(
  uuids: string[],
  changes: { gpus?: Gpu[]; files?: DriverFiles | null; env?: Record<string, string> } = {},
): ReturnType<typeof planInjection> {
  const gpus = changes.gpus ?? [gpu(0), gpu(1), gpu(2)];
  const inventory: GpuInventory = { driverVersion: "550.1", cudaVersion: null, simulated: false, gpus, problem: null };
  const driverFiles = changes.files === undefined ? FILES : changes.files;
  return planInjection({
    inventory,
    driverFiles,
    gpuUuids: uuids,
    capabilities: ["utility", "compute"],
    rootfs: { env: changes.env ?? {} },
  });
}

const NOTHING_BESIDE = { folders: [], migRights: { config: null, monitor: null } };

describe("planning MIG devices", () => {
  const device = (uuid: string, gpuInstance: number) => ({ uuid, gpuInstance, computeInstance: 0, profile: "1g.10gb", memoryBytes: 1 });
  const partitioned = gpu(1, { mig: { enabled: true, devices: [device("MIG-a", 7), device("MIG-b", 8)] } });
  const access = (gpuInstance: number, computeInstance: number | null, minor: number) => ({
    ...{ gpuMinor: 1, gpuInstance, computeInstance, procFile: `capabilities/gpu1/mig/gi${gpuInstance}/${computeInstance ?? ""}` },
    node: node(`nvidia-caps/nvidia-cap${minor}`, 237, minor),
  });
  const files = { ...FILES, migNodes: [access(7, null, 3), access(7, 0, 4), access(8, null, 12), access(8, 0, 13)] };

  it("gives the GPU's node, and of its capability nodes those of the assigned device only", () => {
    const made = plan(["MIG-b"], { gpus: [gpu(0), partitioned], files });
    const paths = made.deviceNodes.map((entry) => entry.path).slice(2);
    expect(paths).toEqual(["/dev/nvidia1", "/dev/nvidia-caps/nvidia-cap12", "/dev/nvidia-caps/nvidia-cap13"]);
    expect(made.env.NVIDIA_VISIBLE_DEVICES).toBe("MIG-b");
    expect(made.procDriver?.shown?.slice(1)).toEqual(["capabilities/gpu1/mig/gi8/", "capabilities/gpu1/mig/gi8/0"]);
  });

  it("are in the host state by UUID and GPU:MIG with their own nodes, and one whose nodes are missing is not handed out", () => {
    const inventory: GpuInventory = {
      driverVersion: "550.1",
      cudaVersion: null,
      simulated: false,
      gpus: [gpu(0), partitioned],
      problem: null,
    };
    const half = { ...files, migNodes: files.migNodes.filter(({ gpuInstance }) => gpuInstance === 7) };
    const { devices } = hostState({ inventory, driver: { file: "", text: "" }, ...NOTHING_BESIDE, driverFilesFor: () => half });
    expect(devices.map(({ names, inAll }) => [names.slice(0, 2), inAll])).toEqual([
      [["0", "gpu-0"], true],
      [["1", "gpu-1"], true],
      [["1:0", "mig-a"], false],
      [["1:1", "mig-b"], false],
    ]);
    expect(devices[2]?.deviceNodes.compute?.map(({ path }) => path)).toEqual([
      "/dev/nvidia1",
      "/dev/nvidia-caps/nvidia-cap3",
      "/dev/nvidia-caps/nvidia-cap4",
    ]);
    expect([devices[2]?.problem, devices[3]?.problem]).toEqual([null, expect.stringMatching(/MIG device MIG-b are missing/)]);
  });

  it("gives all devices of a whole GPU in MIG mode, and none of a GPU that left it", () => {
    const made = plan(["GPU-1"], { gpus: [gpu(0), partitioned], files });
    expect(made.deviceNodes.filter((entry) => entry.path.includes("nvidia-cap"))).toHaveLength(4);
    const left = gpu(1, { mig: { enabled: false, devices: partitioned.mig?.devices ?? [] } });
    expect(plan(["GPU-1"], { gpus: [left], files }).deviceNodes.filter((entry) => entry.path.includes("nvidia-cap"))).toEqual([]);
    expect(() => plan(["MIG-a"], { gpus: [left], files })).toThrow("this node has no GPU MIG-a");
  });

  it("refuses a device whose nodes are missing, and says what makes them", () => {
    const act = () => plan(["MIG-a"], { gpus: [partitioned], files: { ...FILES, migNodes: [access(7, null, 3)] } });
    expect(act).toThrow(/MIG-a are missing; `nvidia-modprobe -f .*gpu1\/mig\/gi7\/access/);
  });
});

describe("planning an injection", () => {
  it("gives the control nodes and exactly the assigned GPUs, in bus order", () => {
    const made = plan(["GPU-2", "GPU-0"]);
    expect(made.deviceNodes.map((entry) => entry.path)).toEqual(["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia0", "/dev/nvidia2"]);
    expect(made.env.NVIDIA_VISIBLE_DEVICES).toBe("GPU-0,GPU-2");
  });

  it("puts every file and link below the driver folder", () => {
    const made = plan(["GPU-0"]);
    expect(made.mounts.map((mount) => mount.containerPath)).toEqual([
      "/usr/local/nvidia/lib64/libcuda.so.550.1",
      "/usr/local/nvidia/bin/nvidia-smi",
    ]);
    expect(made.symlinks).toEqual([{ path: "/usr/local/nvidia/lib64/libcuda.so.1", target: "libcuda.so.550.1" }]);
  });

  it("lets the device filter open each of them, and make none", () => {
    const rules = deviceRules(plan(["GPU-1"]));
    expect(rules).toEqual([
      { allow: true, type: "c", major: 195, minor: 255, access: "rw" },
      { allow: true, type: "c", major: 510, minor: 0, access: "rw" },
      { allow: true, type: "c", major: 195, minor: 1, access: "rw" },
    ]);
  });

  it("appends to the search paths that the image and the job chose", () => {
    const { env } = plan(["GPU-0"], { env: { PATH: "/opt/conda/bin:/bin", LD_LIBRARY_PATH: "/opt/lib" } });
    expect(env.PATH).toBe("/opt/conda/bin:/bin:/usr/local/nvidia/bin");
    expect(env.LD_LIBRARY_PATH).toBe("/opt/lib:/usr/local/nvidia/lib64");
  });

  it("gives a process without search paths the usual ones", () => {
    const { env } = plan(["GPU-0"]);
    expect(env.PATH).toBe("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/nvidia/bin");
    expect(env.LD_LIBRARY_PATH).toBe("/usr/local/nvidia/lib64");
  });

  it("grants nothing for what an image's environment asks", () => {
    const { env, deviceNodes } = plan(["GPU-1"], { env: { NVIDIA_VISIBLE_DEVICES: "all" } });
    expect(env.NVIDIA_VISIBLE_DEVICES).toBe("GPU-1");
    expect(deviceNodes.filter((entry) => /nvidia\d/.test(entry.path))).toHaveLength(1);
  });

  it("tells the driver's user-space code to make no device nodes", () => {
    expect(plan(["GPU-0"]).procDriver).toMatchObject({ params: "ModifyDeviceFiles: 0\nDeviceFileMode: 438\n" });
  });

  it.each<[string, Parameters<typeof plan>, string]>([
    ["an unknown GPU", [["GPU-9"]], "this node has no GPU GPU-9"],
    ["a sick GPU", [["GPU-0"], { gpus: [gpu(0, { healthy: false, problem: "GPU is lost" })] }], "GPU GPU-0 is not healthy: GPU is lost"],
    ["no GPU at all", [[]], "no GPU is assigned"],
    ["a machine without a driver", [["GPU-0"], { files: null }], "no NVIDIA driver libraries were found"],
    ["a driver without its libraries", [["GPU-0"], { files: { ...FILES, libraries: [] } }], "no libraries of driver 550.1 were found"],
    [
      "a missing control node",
      [["GPU-0"], { files: { ...FILES, missingNodes: ["/dev/nvidia-uvm"] } }],
      "/dev/nvidia-uvm is missing; `nvidia-modprobe -c 0 -u` makes the nodes",
    ],
    [
      "a missing GPU node",
      [["GPU-0"], { files: { ...FILES, gpuNodes: [] } }],
      "/dev/nvidia0 of GPU GPU-0 is missing; `nvidia-modprobe -c 0` makes it",
    ],
    [
      "a node that is another device",
      [["GPU-0"], { files: { ...FILES, gpuNodes: [node("nvidia0", 195, 7)] } }],
      "/dev/nvidia0 has minor number 7, not 0",
    ],
  ])("refuses %s", (_what, request, message) => {
    expect(() => plan(...request)).toThrow(expect.objectContaining({ code: "gpu_unavailable", message }));
  });
});

describe("planning GPUDirect Storage", () => {
  const files: DriverFiles = {
    ...FILES,
    services: [{ service: "udev", kind: "folder", hostPath: "/run/udev" }],
    fixedFiles: [{ hostPath: "/etc/cufile.json", path: "etc/cufile.json", place: "/etc/cufile.json" }],
  };

  it("binds udev's database read-only and names the machine's settings, unless the container has its own", () => {
    const made = plan(["GPU-0"], { files });
    expect(made.mounts.slice(-2)).toEqual([
      { hostPath: "/etc/cufile.json", containerPath: "/usr/local/nvidia/etc/cufile.json", options: ["ro", "nosuid", "nodev", "bind"] },
      { kind: "folder", hostPath: "/run/udev", containerPath: "/run/udev", options: ["ro", "nosuid", "nodev", "noexec", "bind"] },
    ]);
    expect(made.env["CUFILE_ENV_PATH_JSON"]).toBe("/usr/local/nvidia/etc/cufile.json");
    expect(plan(["GPU-0"], { files, env: { CUFILE_ENV_PATH_JSON: "/job/cufile.json" } }).env["CUFILE_ENV_PATH_JSON"]).toBe(
      "/job/cufile.json",
    );
    expect(plan(["GPU-0"]).env).not.toHaveProperty("CUFILE_ENV_PATH_JSON");
  });
});
