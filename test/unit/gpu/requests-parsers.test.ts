import { describe, expect, it } from "vitest";
import {
  choiceOf,
  type DeviceChoice,
  parseDeviceSelector,
  parseDriverCapabilities,
  parseGpusOption,
  parseImexChannels,
} from "../../../src/node/gpu/index.ts";
import { parseGoBool } from "../../../src/shared/gpu-requirements/index.ts";

const UUID = "5ec0ffee-0000-4111-8222-333344445555";
const invalid = (message: RegExp | string) =>
  expect.objectContaining({ code: "gpu_request_invalid", message: expect.stringMatching(message) });

describe("naming one device", () => {
  it.each<[string, ReturnType<typeof parseDeviceSelector>]>([
    ["0", { kind: "index", index: 0 }],
    ["07", { kind: "index", index: 7 }],
    [`GPU-${UUID}`, { kind: "uuid", uuid: `gpu-${UUID}` }],
    [`gpu-${UUID.toUpperCase()}`, { kind: "uuid", uuid: `gpu-${UUID}` }],
    ["GPU-5ec0ffee", { kind: "uuid", uuid: "gpu-5ec0ffee" }],
    ["0000:3B:00.0", { kind: "pci", busId: "00000000:3b:00.0" }],
    ["00000000:3b:00.0", { kind: "pci", busId: "00000000:3b:00.0" }],
    ["1:3b:0.0", { kind: "pci", busId: "00000001:3b:00.0" }],
    ["0000:3b:00", { kind: "pci", busId: "00000000:3b:00.0" }],
    ["3b:00.0", { kind: "pci", busId: "00000000:3b:00.0" }],
    ["0:1", { kind: "mig-index", gpu: 0, device: 1 }],
    [`MIG-${UUID}`, { kind: "mig-uuid", uuid: `mig-${UUID}` }],
    [`MIG-GPU-${UUID}/1/0`, { kind: "mig-uuid", uuid: `mig-gpu-${UUID}/1/0` }],
    ["nvidia.com/gpu=0", { kind: "cdi", vendor: "nvidia.com", class: "gpu", name: "0" }],
    ["vendor.example/class=dev:1", { kind: "cdi", vendor: "vendor.example", class: "class", name: "dev:1" }],
  ])("reads %s", (text, selector) => {
    expect(parseDeviceSelector(text)).toEqual(selector);
  });

  it.each([
    "-1",
    "+1",
    "0x1",
    "1e3",
    "GPU-",
    "GPU-xyz",
    "MIG-",
    "0:1:",
    "0000:3b:00.1",
    "zz:00.0",
    "a b",
    "/dev/nvidia0",
    "nvidia.com/gpu",
    "=0",
    "../gpu=0",
  ])("refuses %s and says what can be written", (text) => {
    expect(() => parseDeviceSelector(text)).toThrow(invalid(/names no device: write an index, a GPU- or MIG- UUID/));
  });
});

describe("NVIDIA_VISIBLE_DEVICES", () => {
  it.each<[string[], DeviceChoice]>([
    [[], { kind: "void" }],
    [["void"], { kind: "void" }],
    [["all", "void"], { kind: "void" }],
    [["0", "Void", "nonsense"], { kind: "void" }],
    [["none"], { kind: "none" }],
    [["all"], { kind: "all" }],
    [["ALL"], { kind: "all" }],
    [["0", "all"], { kind: "all" }],
    [["0", "1"], { kind: "devices", devices: [0, 1].map((index) => ({ kind: "index", index })) }],
  ])("reads %j", (items, choice) => {
    expect(choiceOf(items)).toEqual(choice);
  });

  it("refuses none together with a device, as it cannot be both", () => {
    expect(() => choiceOf(["none", "0"])).toThrow(invalid('"none" stands alone'));
  });

  it("refuses a value that is too long to be meant", () => {
    expect(() => parseImexChannels("0,".repeat(20_000))).toThrow(invalid("at most 16384 are read"));
    expect(() => parseImexChannels("0,".repeat(2_000))).toThrow(invalid("at most 1024 are read"));
  });
});

describe("--gpus", () => {
  const devices = (...texts: string[]): DeviceChoice => ({ kind: "devices", devices: texts.map(parseDeviceSelector) });
  it.each<[string, DeviceChoice, string[] | null]>([
    ["all", { kind: "all" }, null],
    ["2", { kind: "count", count: 2 }, null],
    ["count=2", { kind: "count", count: 2 }, null],
    ["count=-1", { kind: "all" }, null],
    ["0", { kind: "void" }, null],
    ["device=0", devices("0"), null],
    [`device=GPU-${UUID}`, devices(`GPU-${UUID}`), null],
    ['"device=0,1"', devices("0", "1"), null],
    [`"device=0,GPU-${UUID}","capabilities=compute,utility"`, devices("0", `GPU-${UUID}`), ["compute", "utility"]],
    ["all,capabilities=utility", { kind: "all" }, ["utility"]],
    ["capabilities=utility", { kind: "count", count: 1 }, ["utility"]],
    ["all,capabilities=gpu", { kind: "all" }, null],
    ['2,"capabilities=gpu,nvidia,video"', { kind: "count", count: 2 }, ["video"]],
    ["1,driver=nvidia", { kind: "count", count: 1 }, null],
    ["device=nvidia.com/gpu=1", devices("nvidia.com/gpu=1"), null],
  ])("reads %s", (text, choice, capabilities) => {
    expect(parseGpusOption(text)).toEqual({ choice, capabilities });
  });

  it.each(["device=0,1", "device=0,1,2", `device=0,GPU-${UUID}`])("explains the quotes that the shell took away from %s", (text) => {
    expect(() => parseGpusOption(text)).toThrow(invalid(`for several devices write --gpus '"${text}"', with both quotes`));
  });

  it.each<[string, string]>([
    ["", 'neither a number nor "all"'],
    ["some", 'neither a number nor "all"'],
    ["1.5", 'neither a number nor "all"'],
    ["-2", 'neither a number nor "all"'],
    ["9999999", 'neither a number nor "all"'],
    ["1,2", "count is given twice"],
    ["device=", "names no device"],
    ["count=1,device=0", "it gives a count and devices"],
    ["uuid=0", 'there is no key "uuid"'],
    ["1,driver=amd", 'there is no driver "amd"'],
    ["1,capabilities=tpu", '"tpu" is no capability'],
    ['"device=0', "a quote is not closed"],
    ['"device=0"1', "text follows a closing quote"],
    ['device="0"', "a quote stands inside a field"],
  ])("refuses %j", (text, message) => {
    expect(() => parseGpusOption(text)).toThrow(invalid(message));
  });
});

describe("NVIDIA_DRIVER_CAPABILITIES", () => {
  it("means utility and compute when it says nothing", () => {
    for (const value of [undefined, "", " , "]) expect(parseDriverCapabilities(value).capabilities).toEqual(["utility", "compute"]);
  });

  it("reads a list, and all", () => {
    expect(parseDriverCapabilities("video, Compute")).toEqual({ capabilities: ["compute", "video"], all: false });
    const all = ["compute", "compat32", "graphics", "utility", "video", "display", "ngx"];
    expect(parseDriverCapabilities("compute,all")).toEqual({ capabilities: all, all: true });
  });

  it.each(["bogus", "compute,none", "compute utility"])("refuses %s, naming the word and the value", (value) => {
    expect(() => parseDriverCapabilities(value)).toThrow(
      invalid(/^NVIDIA_DRIVER_CAPABILITIES=".*": ".*" is no capability; there are compute, compat32/),
    );
  });
});

describe("switches and channels", () => {
  it("reads truth as Go does and refuses a typing error", () => {
    for (const yes of ["1", "t", "T", "true", "True", "TRUE"]) expect(parseGoBool("X", yes)).toBe(true);
    for (const no of [undefined, "", "0", "f", "F", "false", "False", "FALSE"]) expect(parseGoBool("X", no)).toBe(false);
    for (const odd of ["yes", "tRUE", " 1", "on"]) expect(() => parseGoBool("X", odd)).toThrow(invalid("is neither true nor false"));
  });

  it("reads IMEX channels, drops all, and bounds the number", () => {
    expect(parseImexChannels("3, 0,3,all,1048575")).toEqual([0, 3, 1048575]);
    expect(parseImexChannels(undefined)).toEqual([]);
    for (const odd of ["1048576", "-1", "a", "0x1"])
      expect(() => parseImexChannels(odd)).toThrow(invalid("is no channel from 0 to 1048575"));
  });
});
