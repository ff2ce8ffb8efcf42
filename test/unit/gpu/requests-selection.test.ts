import { describe, expect, it } from "vitest";
import { choiceOf, parseGpusOption, readGpuRequest, selectGpus } from "../../../src/node/gpu/index.ts";
import type { Gpu } from "../../../src/shared/domain/index.ts";
import { gpuOf } from "../../support/control-samples.ts";

function gpu(index: number, changes: Partial<Gpu> = {}): Gpu {
  const card = { model: "H100", memoryBytes: 1, computeCapability: "9.0" };
  return gpuOf("", index, {
    ...card,
    uuid: `GPU-0000000${index}-AAAA-4111-8222-333344445555`,
    pciBusId: `00000000:${(0x1a + index).toString(16).toUpperCase()}:00.0`,
    ...changes,
  });
}

const MIG = { uuid: "MIG-11111111-2222-4333-8444-555566667777", gpuInstance: 1, computeInstance: 0, profile: "1g.10gb", memoryBytes: 1 };
const GPUS = [gpu(0), gpu(1), gpu(2, { mig: { enabled: true, devices: [MIG] } }), gpu(3, { healthy: false, problem: "GPU is lost" })];

const indexes = (value: string): number[] => selectGpus(choiceOf(value.split(",")), GPUS).gpus.map(({ index }) => index);

describe("finding devices", () => {
  it.each<[string, number[]]>([
    ["all", [0, 1, 2]],
    ["void", []],
    ["none", []],
    ["1,0,1", [0, 1]],
    ["3", [3]],
    ["gpu-00000001-aaaa-4111-8222-333344445555", [1]],
    ["GPU-00000001", [1]],
    ["0000:1b:00.0", [1]],
    ["1c:00.0,0", [0, 2]],
    ["nvidia.com/gpu=1", [1]],
    ["nvidia.com/gpu=all", [0, 1, 2]],
    ["nvidia.com/gpu=GPU-00000002-AAAA-4111-8222-333344445555", [2]],
  ])("%s names %j", (value, expected) => {
    expect(indexes(value)).toEqual(expected);
  });

  it.each([MIG.uuid, MIG.uuid.toLowerCase(), "2:0", "nvidia.com/gpu=2:0", `nvidia.com/gpu=${MIG.uuid}`])(
    "%s names the MIG device alone",
    (value) => {
      const { gpus, mig } = selectGpus(choiceOf(value.split(",")), GPUS);
      expect(gpus).toEqual([]);
      expect(mig.map(({ gpu: parent, device }) => [parent.index, device.uuid])).toEqual([[2, MIG.uuid]]);
    },
  );

  it.each<[string, string]>([
    ["9", "this machine has no GPU index 9"],
    ["GPU-ffffffff", "this machine has no GPU GPU-ffffffff"],
    ["0000:ff:00.0", "this machine has no GPU bus id 00000000:ff:00.0"],
    ["2:1", "this machine has no MIG device 2:1"],
    ["vendor.example/net=0", "vendor.example/net=0 is no device of this machine's driver"],
  ])("%s is not on this machine", (value, message) => {
    expect(() => indexes(value)).toThrow(expect.objectContaining({ code: "gpu_unavailable", message: expect.stringContaining(message) }));
  });

  it("refuses the beginning of a UUID that two GPUs share", () => {
    const twins = [gpu(0), gpu(1, { uuid: "GPU-00000000-BBBB-4111-8222-333344445555" })];
    expect(() => selectGpus(choiceOf(["GPU-00000000"]), twins)).toThrow(/is the beginning of both GPU-00000000-AAAA/);
  });

  it("counts healthy GPUs only", () => {
    expect(selectGpus(parseGpusOption("2").choice, GPUS).gpus.map(({ index }) => index)).toEqual([0, 1]);
    expect(() => selectGpus(parseGpusOption("4").choice, GPUS)).toThrow("4 GPUs are asked for; this machine has 3 healthy ones");
  });
});

describe("who may ask", () => {
  const env = { NVIDIA_VISIBLE_DEVICES: "all", NVIDIA_IMEX_CHANNELS: "0", NVIDIA_GDS: "enabled", NVIDIA_DRIVER_CAPABILITIES: "utility" };

  it("lets the environment of a job narrow and never widen", () => {
    const request = readGpuRequest(env);
    expect(request).toMatchObject({ extras: [], imexChannels: [], capabilities: { capabilities: ["utility"] } });
    expect(request.notes).toEqual([
      "NVIDIA_VISIBLE_DEVICES=all is not looked at: in a job the assignment decides",
      "NVIDIA_GDS=enabled is not looked at: the operator does not allow it (--allow-gpu-device gds)",
      "NVIDIA_IMEX_CHANNELS=0 is not looked at: the operator does not allow it (--allow-gpu-device imex)",
    ]);
  });

  it("gives a job beside its GPUs what the operator allows, and only when it asks", () => {
    const allowed = ["gds", "mofed", "imex"] as const;
    expect(readGpuRequest(env, allowed)).toMatchObject({ extras: ["gds"], imexChannels: [0] });
    expect(readGpuRequest({ NVIDIA_GDS: "yes", NVIDIA_GDRCOPY: "enabled" }, allowed)).toMatchObject({ extras: [], imexChannels: [] });
  });

  it.each(["void", "none", "rubbish, even"])("keeps the assignment of a job whose environment says %s", (value) => {
    expect(readGpuRequest({ NVIDIA_VISIBLE_DEVICES: value })).toEqual({ ...readGpuRequest({}), notes: [expect.stringContaining(value)] });
  });

  it("gives images from before these variables every capability", () => {
    expect(readGpuRequest({ CUDA_VERSION: "9.0" }).capabilities.all).toBe(true);
  });

  it("lets --gpus name the capabilities instead", () => {
    const request = readGpuRequest(env, [], ["video"]);
    expect(request.capabilities).toEqual({ capabilities: ["video"], all: false });
  });

  it.each(["NVIDIA_MIG_CONFIG_DEVICES", "NVIDIA_MIG_MONITOR_DEVICES"])("refuses %s to a job, which is never privileged", (name) => {
    expect(() => readGpuRequest({ [name]: "all" })).toThrow(expect.objectContaining({ code: "forbidden" }));
    expect(readGpuRequest({ [name]: " , " }).notes).toEqual([]);
  });
});
