import { expect, test } from "vitest";
import { judgeDiagnostic } from "../../../src/node/agent/diagnostics/judge-diagnostic.ts";
import type { GpuStatus, GpuStatusReport } from "../../../src/node/gpu/index.ts";
import { gpuOf } from "../../support/control-samples.ts";

const XID = { xid: 13, at: 1, class: "application" as const, text: "graphics engine exception", gpuInstance: null };

function report(changes: Partial<GpuStatus> = {}): GpuStatusReport {
  const rest = { telemetry: null, ecc: null, remappedRows: null, instances: [], migPending: null, xids: [] };
  const gpu: GpuStatus = { ...gpuOf("a", 0), ...rest, ...changes };
  return { driverVersion: null, cudaVersion: null, simulated: false, problem: null, gpus: [gpu], pairs: [], listening: true };
}
const judge = (before: Partial<GpuStatus>, after: Partial<GpuStatus>) => judgeDiagnostic("GPU-a-0", report(before), report(after));
const ecc = (correctable: number) => ({ enabled: true, correctable, uncorrectable: 0, uncorrectableEver: 0 });
const rows = (uncorrectable: number) => ({ correctable: 0, uncorrectable, pending: false, failure: false });

test("old errors are no new ones; new ones keep a GPU in quarantine whatever their class", () => {
  expect(judge({ xids: [XID], ecc: ecc(5), remappedRows: rows(1) }, { xids: [XID], ecc: ecc(5), remappedRows: rows(1) })).toBeNull();
  expect(judge({ xids: [XID] }, { xids: [XID, { ...XID, at: 2 }] })).toMatch(/^XID 13 came during the diagnostic/);
  expect(judge({ ecc: ecc(5) }, { ecc: ecc(6) })).toMatch(/corrected ECC errors grew from 5 to 6/);
  expect(judge({ remappedRows: rows(1) }, { remappedRows: rows(2) })).toMatch(/remapped rows grew from 1 to 2/);
});

test("a GPU that is ill, gone, or cannot be asked stays", () => {
  expect(judge({}, { healthy: false, problem: "XID 79: GPU has fallen off the bus" })).toBe("XID 79: GPU has fallen off the bus");
  expect(judgeDiagnostic("GPU-a-9", report(), report())).toMatch(/does not report/);
  expect(judgeDiagnostic("GPU-a-0", report(), { ...report(), problem: "nvmlInit hangs" })).toBe("NVML: nvmlInit hangs");
});
