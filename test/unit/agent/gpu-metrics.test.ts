import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { addGpuMetrics } from "../../../src/node/agent/gpu-metrics.ts";
import { createXidHistory, type GpuStatus, plausibleSample, xidEvent } from "../../../src/node/gpu/index.ts";
import { gpuOf } from "../../support/control-samples.ts";
import { nvmlGpu } from "../../support/nvml-answers.ts";

function status(index: number, changes: Partial<GpuStatus> = {}): GpuStatus {
  const { ecc, remappedRows, ...telemetry } = nvmlGpu(index, { memoryUsedBytes: 3 * 2 ** 20 });
  return { ...gpuOf("n", index), telemetry, ecc, remappedRows, instances: [], migPending: null, xids: [], ...changes };
}

async function text(gpus: GpuStatus[], xidCounts: { uuid: string; xid: number; count: number }[] = []): Promise<string> {
  const registry = new Registry();
  addGpuMetrics(registry, { hostname: "host", gpus: () => gpus, xidCounts: () => xidCounts });
  await registry.metrics();
  // The second scrape must tell the same: counters that mirror the driver's do not add up.
  return registry.metrics();
}

const LABELS = 'gpu="0",UUID="GPU-n-0",pci_bus_id="0000:00:00.0",device="nvidia0",modelName="NVIDIA A100-SXM4-80GB",Hostname="host"';

test("GPU metrics carry dcgm-exporter's names, labels and units", async () => {
  const lines = (await text([status(0)])).split("\n");
  for (const line of [
    `DCGM_FI_DEV_GPU_UTIL{${LABELS}} 0`,
    `DCGM_FI_DEV_GPU_TEMP{${LABELS}} 30`,
    `DCGM_FI_DEV_POWER_USAGE{${LABELS}} 60`,
    `DCGM_FI_DEV_SM_CLOCK{${LABELS}} 345`,
    `DCGM_FI_DEV_FB_USED{${LABELS}} 3`,
    `DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{${LABELS}} 1`,
    `DCGM_FI_DEV_XID_ERRORS{${LABELS}} 0`,
    `DCGM_FI_DEV_ROW_REMAP_FAILURE{${LABELS}} 0`,
    `berth_gpu_healthy{${LABELS}} 1`,
    "# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter",
    "# TYPE DCGM_FI_DEV_XID_ERRORS gauge",
  ])
    expect(lines).toContain(line);
});

test("a partitioned GPU's memory is told by MIG instance", async () => {
  const device = {
    uuid: "MIG-1",
    gpuInstance: 7,
    computeInstance: 0,
    profile: "1g.10gb",
    memoryTotalBytes: 9 * 2 ** 20,
    memoryUsedBytes: 2 ** 20,
  };
  const lines = (await text([status(0, { instances: [device] })])).split("\n");
  expect(lines).toContain(`DCGM_FI_DEV_FB_USED{${LABELS},GPU_I_PROFILE="1g.10gb",GPU_I_ID="7"} 1`);
  expect(lines).toContain(`DCGM_FI_DEV_FB_FREE{${LABELS},GPU_I_PROFILE="1g.10gb",GPU_I_ID="7"} 8`);
  expect(lines.filter((line) => line.startsWith("DCGM_FI_DEV_FB_USED{"))).toHaveLength(1);
});

test("XIDs are counted by code, and the gauge holds the last one", async () => {
  const xids = [xidEvent(13, 1, null), xidEvent(31, 2, null)];
  const counts = [
    { uuid: "GPU-n-0", xid: 13, count: 1 },
    { uuid: "GPU-n-0", xid: 31, count: 4 },
  ];
  const lines = (await text([status(0, { xids })], counts)).split("\n");
  expect(lines).toContain(`DCGM_FI_DEV_XID_ERRORS{${LABELS}} 31`);
  expect(lines).toContain(`berth_gpu_xid_errors_total{${LABELS},xid="31"} 4`);
  expect(lines).toContain(`berth_gpu_xid_errors_total{${LABELS},xid="13"} 1`);
});

test("a GPU that does not answer has no readings, only its health", async () => {
  const lines = (await text([status(0, { telemetry: null, ecc: null, remappedRows: null, healthy: false })])).split("\n");
  expect(lines.filter((line) => line.includes("GPU-n-0")).map((line) => line.split("{")[0])).toEqual([
    "DCGM_FI_DEV_XID_ERRORS",
    "berth_gpu_healthy",
  ]);
});

test("what NVML says when it does not know is no reading", () => {
  const odd = nvmlGpu(0, {
    utilizationPercent: 4294967295,
    temperatureCelsius: 2147483632,
    powerMilliwatts: 4294967295,
    memoryUsedBytes: 2 ** 64,
  });
  expect(plausibleSample(odd)).toMatchObject({
    utilizationPercent: null,
    temperatureCelsius: null,
    powerMilliwatts: null,
    memoryUsedBytes: 0,
  });
  expect(plausibleSample(nvmlGpu(0))).toEqual(nvmlGpu(0));
});

test("a history keeps its verdict although its list is bounded", () => {
  const history = createXidHistory();
  history.add("GPU-0", xidEvent(79, 1, null));
  for (let i = 0; i < 1000; i++) history.add("GPU-0", xidEvent(31, i, null));
  expect(history.of("GPU-0")).toHaveLength(16);
  expect(history.problemOf("GPU-0")).toMatch(/^XID 79/);
  expect(history.problemOf("GPU-1")).toBeNull();
});
