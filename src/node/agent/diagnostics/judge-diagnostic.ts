import type { GpuStatus, GpuStatusReport } from "../../gpu/index.ts";

/**
 * Why the GPU must stay in quarantine, from two fresh looks at it some time apart; null when nothing speaks against it. Health
 * itself (errors of NVML, row remapping, uncorrectable ECC errors, hardware XIDs) is the inventory's verdict; here it must
 * also be seen that nothing new comes.
 */
export function judgeDiagnostic(uuid: string, before: GpuStatusReport, after: GpuStatusReport): string | null {
  if (after.problem !== null) return `NVML: ${after.problem}`;
  const [first, second] = [gpuIn(before, uuid), gpuIn(after, uuid)];
  if (first === undefined || second === undefined) return "NVML does not report it";
  if (!second.healthy) return second.problem ?? "it is not healthy";
  const seen = new Set(first.xids.map(({ xid, at }) => `${xid} ${at}`));
  const fresh = second.xids.find(({ xid, at }) => !seen.has(`${xid} ${at}`));
  if (fresh !== undefined) return `XID ${fresh.xid} came during the diagnostic: ${fresh.text}`;
  return growth("corrected ECC errors", first.ecc?.correctable, second.ecc?.correctable) ?? remapping(first, second);
}

function remapping(first: GpuStatus, second: GpuStatus): string | null {
  const { remappedRows: before } = first;
  const { remappedRows: after } = second;
  return (
    growth("remapped rows", before?.correctable, after?.correctable) ?? growth("remapped rows", before?.uncorrectable, after?.uncorrectable)
  );
}

function growth(what: string, before: number | null | undefined, after: number | null | undefined): string | null {
  return before != null && after != null && after > before ? `${what} grew from ${before} to ${after} during the diagnostic` : null;
}

/** A MIG device is as well as its GPU. */
function gpuIn({ gpus }: GpuStatusReport, uuid: string): GpuStatus | undefined {
  return gpus.find((gpu) => gpu.uuid === uuid || gpu.mig?.devices.some((device) => device.uuid === uuid));
}
