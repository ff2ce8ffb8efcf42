import { expect, test } from "vitest";
import type { GpuView } from "../../../src/cli/client/gpu-view.ts";
import { printListing } from "../../../src/cli/output/formats.ts";
import { localGpuListing, migText } from "../../../src/cli/output/gpu-listing.ts";
import { renderGpuMatrix } from "../../../src/cli/output/gpu-matrix.ts";
import { gpuOf } from "../../support/control-samples.ts";
import { capturedIo } from "./samples.ts";

function view(index: number, changes: Partial<GpuView> = {}): GpuView {
  return { ...gpuOf("n", index), telemetry: null, ecc: null, remappedRows: null, xids: [], ...changes };
}

test("the topology matrix reads like nvidia-smi's, NVLink before PCIe", () => {
  const gpus = [view(1, { numaNode: 0 }), view(0, { numaNode: 0 }), view(2, { numaNode: 1 })];
  const pairs = [
    { between: ["GPU-n-0", "GPU-n-1"] as [string, string], pcie: "PIX", nvlinks: 4 },
    { between: ["GPU-n-0", "GPU-n-2"] as [string, string], pcie: "SYS", nvlinks: 0 },
  ];
  expect(renderGpuMatrix({ gpus, pairs }, { headers: true, colour: false }).split("\n").slice(0, 4)).toEqual([
    "       GPU0   GPU1   GPU2   NUMA   PCI",
    "GPU0   X      NV4    SYS       0   0000:00:00.0",
    "GPU1   NV4    X      -         0   0000:01:00.0",
    "GPU2   SYS    -      X         1   0000:02:00.0",
  ]);
});

test("the wide list shows clocks, ECC, remapping, processes and the last XID; what is not known is a dash", async () => {
  const telemetry = {
    memoryUsedBytes: 2 ** 30,
    utilizationPercent: 57,
    temperatureCelsius: 31,
    powerMilliwatts: 68_400,
    powerLimitMilliwatts: 700_000,
    smClockMhz: 345,
    processes: [{ pid: 42, usedBytes: 1 }],
  };
  const ecc = { enabled: true, correctable: 0, uncorrectable: 0 };
  const remappedRows = { correctable: 1, uncorrectable: 1, pending: false, failure: false };
  const xids = [{ xid: 31, at: 1_000, class: "application", text: "" }];
  const captured = capturedIo();
  const rows = [view(0, { telemetry, ecc, remappedRows, xids }), view(1, { healthy: false, problem: "GPU is lost" })];
  await printListing(captured.io, { output: "wide", headers: false }, localGpuListing(61_000), rows);
  const [first, second] = captured
    .stdout()
    .trim()
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  expect(first).toEqual(expect.arrayContaining(["57%", "31C", "68/700W", "345MHz", "0 uncorrectable", "42", "31 (1m ago)"]));
  expect(second).toEqual(expect.arrayContaining(["GPU is lost", "-"]));
});

test("MIG is told in a few words", () => {
  const device = (profile: string) => ({ uuid: "MIG-1", gpuInstance: 1, computeInstance: 0, profile, memoryBytes: 1 });
  expect(migText(null)).toBeNull();
  expect(migText({ enabled: false, devices: [] })).toBe("off");
  expect(migText({ enabled: true, devices: [] })).toBe("on, empty");
  expect(migText({ enabled: true, devices: [device("1g.10gb"), device("1g.10gb"), device("3g.40gb")] })).toBe("2 x 1g.10gb, 3g.40gb");
});
