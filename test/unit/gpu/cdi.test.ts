import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import {
  type CdiSnapshot,
  type CdiSpec,
  cdiFormatOf,
  createCdiCheck,
  type DeviceNode,
  type DriverFiles,
  formatCdiSpec,
  keepCdiFile,
  listCdiDevices,
  makeCdiSpec,
  writeCdiFile,
} from "../../../src/node/gpu/index.ts";
import { type Gpu, systemClock } from "../../../src/shared/domain/index.ts";
import { gpuOf } from "../../support/control-samples.ts";
import { until } from "../../support/poll.ts";

const cdiSpecErrors = createCdiCheck();
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-cdi-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function node(name: string, minor: number, changes: Partial<DeviceNode> = {}): DeviceNode {
  return { path: `/dev/${name}`, hostPath: `/dev/${name}`, major: 195, minor, fileMode: 0o666, uid: 0, gid: 0, ...changes };
}

const FILES: DriverFiles = {
  version: "550.1",
  libraries: [{ name: "libcuda.so.550.1", hostPath: "/opt/driver/libcuda.so.550.1" }],
  libraryLinks: [{ name: "libcuda.so.1", target: "libcuda.so.550.1" }],
  libraries32: [],
  libraryLinks32: [],
  binaries: [{ name: "nvidia-smi", hostPath: "/opt/driver/nvidia-smi" }],
  fixedFiles: [{ hostPath: "/opt/driver/icd.json", path: "share/x.json", place: "/etc/vulkan/icd.d/nvidia_icd.json" }],
  services: [{ service: "mps", kind: "folder", hostPath: "/tmp/nvidia-mps" }],
  firmware: ["/lib/firmware/nvidia/550.1/gsp.bin"],
  controlNodes: [node("nvidiactl", 255)],
  gpuNodes: [node("nvidia0", 0), node("nvidia1", 1)],
  migNodes: [],
  renderNodes: [],
  missingNodes: [],
  params: null,
  problem: null,
};

function gpu(index: number, changes: Partial<Gpu> = {}): Gpu {
  return gpuOf("node", index, { uuid: `GPU-${index}`, minor: index, ...changes });
}

function specOf(files: Partial<DriverFiles> = {}, gpus: Gpu[] = [gpu(0), gpu(1)]): CdiSpec {
  return makeCdiSpec({ gpus, driverFiles: { ...FILES, ...files } }) as CdiSpec;
}

describe("the CDI specification", () => {
  it("names every GPU by index and UUID, and all of them", () => {
    const spec = specOf();
    expect(spec.kind).toBe("nvidia.com/gpu");
    expect(spec.devices.map((device) => device.name)).toEqual(["0", "GPU-0", "1", "GPU-1", "all"]);
    const paths = (name: string) => spec.devices.find((device) => device.name === name)?.containerEdits.deviceNodes?.map((one) => one.path);
    expect(paths("1")).toEqual(["/dev/nvidia1"]);
    expect(paths("all")).toEqual(["/dev/nvidia0", "/dev/nvidia1"]);
  });

  it("leaves out a GPU that is not healthy, or whose node is another device", () => {
    const names = specOf({ gpuNodes: [node("nvidia0", 0), node("nvidia1", 7)] }, [gpu(0, { healthy: false }), gpu(1)]);
    expect(names).toBeNull();
    expect(specOf({}, [gpu(0, { healthy: false }), gpu(1)]).devices.map((device) => device.name)).toEqual(["1", "GPU-1", "all"]);
  });

  it("offers the MIG devices of a partitioned GPU in place of the GPU, with the nodes that open them", () => {
    const cap = (computeInstance: number | null, minor: number) => ({
      ...{ gpuMinor: 0, gpuInstance: 7, computeInstance, procFile: "" },
      node: node(`nvidia-caps/nvidia-cap${minor}`, minor, { major: 237 }),
    });
    const mig = (uuid: string, gpuInstance: number) => ({ uuid, gpuInstance, computeInstance: 0, profile: "1g.10gb", memoryBytes: 1 });
    const partitioned = gpu(0, { mig: { enabled: true, devices: [mig("MIG-a", 7), mig("MIG-b", 8)] } });
    const spec = specOf({ migNodes: [cap(null, 12), cap(0, 13)] }, [partitioned, gpu(1)]);
    expect(spec.devices.map((device) => device.name)).toEqual(["0:0", "MIG-a", "1", "GPU-1", "all"]);
    const paths = spec.devices.map((device) => device.containerEdits.deviceNodes?.map((one) => one.path.slice("/dev/".length)));
    expect(paths[1]).toEqual(["nvidia0", "nvidia-caps/nvidia-cap12", "nvidia-caps/nvidia-cap13"]);
    expect(paths.at(-1)).toEqual(["nvidia0", "nvidia-caps/nvidia-cap12", "nvidia-caps/nvidia-cap13", "nvidia1"]);
    expect(cdiSpecErrors(spec)).toEqual([]);
  });

  it("binds a library under each of its names where loaders look, so that neither links nor ld.so.cache are needed", () => {
    const places = specOf().containerEdits?.mounts?.map((mount) => mount.containerPath);
    expect(places).toContain("/usr/lib64/libcuda.so.550.1");
    expect(places).toContain("/usr/lib64/libcuda.so.1");
    expect(places).toContain("/usr/bin/nvidia-smi");
    expect(places).toContain("/etc/vulkan/icd.d/nvidia_icd.json");
    expect(places).not.toContain("/lib/firmware/nvidia/550.1/gsp.bin");
  });

  it("mounts the MPS folder, writable", () => {
    expect(specOf().containerEdits?.mounts?.find((mount) => mount.containerPath === "/tmp/nvidia-mps")?.options).not.toContain("ro");
  });

  it("is valid and asks for the oldest version that has what it uses", () => {
    expect(specOf().cdiVersion).toBe("0.5.0");
    const grouped = specOf({ gpuNodes: [node("nvidia0", 0, { fileMode: 0o660, gid: 44 })] });
    expect(grouped.cdiVersion).toBe("0.7.0");
    expect(grouped.devices[0]?.containerEdits.additionalGids).toEqual([44]);
    expect([...cdiSpecErrors(specOf()), ...cdiSpecErrors(grouped)]).toEqual([]);
  });

  it("says the same as YAML and as JSON", () => {
    const spec = specOf();
    expect(parse(formatCdiSpec(spec, "yaml"))).toEqual(spec);
    expect(JSON.parse(formatCdiSpec(spec, "json"))).toEqual(spec);
  });

  it.each<[string, unknown]>([
    ["no version", { kind: "nvidia.com/gpu", devices: [{ name: "0", containerEdits: {} }] }],
    ["an unknown version", { ...specOf(), cdiVersion: "9.9.9" }],
    ["a kind without vendor", { ...specOf(), kind: "gpu" }],
    ["no devices", { ...specOf(), devices: [] }],
    ["a device name with a slash", { ...specOf(), devices: [{ name: "a/b", containerEdits: {} }] }],
    ["a device twice", { ...specOf(), devices: [...specOf().devices, ...specOf().devices] }],
    ["a relative mount", { ...specOf(), containerEdits: { mounts: [{ hostPath: "lib", containerPath: "/lib" }] } }],
    ["an unknown member", { ...specOf(), containerEdits: { devices: [] } }],
    ["a hook of no kind", { ...specOf(), containerEdits: { hooks: [{ hookName: "later", path: "/x" }] } }],
    ["an environment without a name", { ...specOf(), containerEdits: { env: ["novalue"] } }],
    ["members newer than its version", { ...specOf(), containerEdits: { additionalGids: [44] } }],
    ["no object", "nvidia.com/gpu"],
  ])("refuses %s", (_, value) => {
    expect(cdiSpecErrors(value)).not.toEqual([]);
  });
});

describe("the CDI file", () => {
  it("is written once, unchanged when nothing changed, and removed when there is nothing to offer", async () => {
    const path = join(folder, "cdi/berth.yaml");
    expect(await writeCdiFile(path, null, "yaml")).toBe("absent");
    expect(await writeCdiFile(path, specOf(), "yaml")).toBe("written");
    expect(await writeCdiFile(path, specOf(), "yaml")).toBe("unchanged");
    expect(await writeCdiFile(path, null, "yaml")).toBe("removed");
    expect(await readdir(join(folder, "cdi"))).toEqual([]);
  });

  it("must have a name that runtimes read", () => {
    expect(cdiFormatOf("/etc/cdi/berth.json")).toBe("json");
    expect(() => cdiFormatOf("/etc/cdi/berth.yml")).toThrow(/\.json or \*\.yaml/);
  });

  it("follows what changes while it is watched, and stays when the watch ends", async () => {
    const path = join(folder, "berth.json");
    let snapshot: CdiSnapshot = { spec: specOf(), reason: null };
    const stop = new AbortController();
    const changes: string[] = [];
    const watching = keepCdiFile(
      { path, format: "json", current: async () => snapshot, everyMs: 5, clock: systemClock(), changed: (change) => changes.push(change) },
      stop.signal,
    );
    await until("change 1", 60, () => changes.length === 1);
    snapshot = { spec: null, reason: "an upgrade is under way" };
    await until("change 2", 60, () => changes.length === 2);
    await expect(access(path)).rejects.toThrow();
    snapshot = { spec: specOf({}, [gpu(1)]), reason: null };
    await until("change 3", 60, () => changes.length === 3);
    stop.abort();
    await watching;
    expect(changes).toEqual(["written", "removed", "written"]);
    expect(JSON.parse(await readFile(path, "utf8")).devices).toHaveLength(3);
  });
});

describe("listing CDI devices", () => {
  async function place(dir: string, name: string, text: string): Promise<void> {
    await mkdir(join(folder, dir), { recursive: true });
    await writeFile(join(folder, dir, name), text);
  }

  it("says which would not start a container any more, and which files no runtime can read", async () => {
    const gone = {
      cdiVersion: "0.5.0",
      kind: "nvidia.com/gpu",
      devices: [{ name: "0", containerEdits: { deviceNodes: [{ path: "/dev/gone" }] } }],
    };
    await place("etc", "a.json", JSON.stringify(gone));
    await place("etc", "b.yaml", "kind: [");
    await place("etc", "notes.txt", "not a specification");
    await place(
      "etc",
      "c.yaml",
      "cdiVersion: 0.5.0\nkind: example.com/null\ndevices: [{name: n, containerEdits: {deviceNodes: [{path: /dev/null}]}}]",
    );
    const { devices, problems } = await listCdiDevices([join(folder, "etc"), join(folder, "missing")]);
    expect(devices.map(({ name, problem }) => [name, problem])).toEqual([
      ["nvidia.com/gpu=0", "/dev/gone is gone"],
      ["example.com/null=n", null],
    ]);
    expect(problems.map(({ file }) => file)).toEqual([join(folder, "etc/b.yaml")]);
  });

  it("warns of a device that two files of one folder name, which engines then refuse", async () => {
    for (const name of ["berth.json", "nvidia.json"]) await place("etc", name, formatCdiSpec(specOf(), "json"));
    const { devices } = await listCdiDevices([join(folder, "etc")]);
    expect(devices[0]?.problem).toBe(`also in ${join(folder, "etc/berth.json")}: remove one of the two`);
  });

  it("lets the later folder win, as runtimes do", async () => {
    for (const dir of ["etc", "run"]) await place(dir, "berth.json", formatCdiSpec(specOf(), "json"));
    const { devices } = await listCdiDevices([join(folder, "etc"), join(folder, "run")]);
    expect(new Set(devices.map(({ file }) => file))).toEqual(new Set([join(folder, "run/berth.json")]));
  });
});
