import { expect, test } from "vitest";
import { createGpuMemoryPeaks } from "../../../src/node/agent/gpu-memory-peaks.ts";
import { createSickGpuNotice } from "../../../src/node/agent/notice-sick-gpus.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";
import { gpuOf } from "../../support/control-samples.ts";
import { nvmlGpu } from "../../support/nvml-answers.ts";

const process = (usedBytes: number | null) => ({ pid: 1, usedBytes, gpuInstance: null, computeInstance: null });

test("a container's peak of GPU memory is over all its GPUs at one moment, and goes with it", () => {
  let containers = [{ id: "c", state: "running" as const, gpuUuids: ["GPU-0", "GPU-1"] }];
  const peaks = createGpuMemoryPeaks(() => containers);
  const sample = (first: number, second: number) =>
    peaks.observe([nvmlGpu(0, { processes: [process(first), process(1)] }), nvmlGpu(1, { processes: [process(second)] })]);
  expect(peaks.peakOf("c")).toBeNull();
  sample(10, 0);
  sample(5, 9);
  sample(1, 1);
  expect(peaks.peakOf("c")).toBe(15);
  // Half the GPUs answered: no statement about the whole.
  peaks.observe([nvmlGpu(0, { processes: [process(99)] })]);
  expect(peaks.peakOf("c")).toBe(15);
  containers = [];
  sample(1, 1);
  expect(peaks.peakOf("c")).toBeNull();
});

test("where the driver does not tell the memory of processes, all that is used counts", () => {
  const peaks = createGpuMemoryPeaks(() => [{ id: "c", state: "running", gpuUuids: ["GPU-0"] }]);
  peaks.observe([nvmlGpu(0, { processes: [process(null)], memoryUsedBytes: 7 })]);
  expect(peaks.peakOf("c")).toBe(7);
  peaks.observe([nvmlGpu(0, { processes: null, memoryUsedBytes: 8 })]);
  expect(peaks.peakOf("c")).toBe(8);
});

test("whoever runs on a GPU that falls ill is told once, and again when it falls ill anew", () => {
  const notice = createSickGpuNotice(silentLogger());
  const holders = [
    { containerId: "a", gpuUuids: ["GPU-n-0"] },
    { containerId: "b", gpuUuids: ["GPU-n-1"] },
  ];
  const sick = gpuOf("n", 0, { healthy: false, problem: "GPU is lost" });
  expect(notice([sick, gpuOf("n", 1)], holders)).toEqual([
    { containerId: "a", uuid: "GPU-n-0", text: "GPU 0 is not healthy: GPU is lost" },
  ]);
  expect(notice([sick, gpuOf("n", 1)], holders)).toEqual([]);
  expect(notice([gpuOf("n", 0), gpuOf("n", 1)], holders)).toEqual([]);
  expect(notice([sick], holders)).toHaveLength(1);
});
