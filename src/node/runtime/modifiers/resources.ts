import type { OciDeviceRule, OciResources, OciSpec } from "../oci-spec.ts";
import type { ResourceInput, SpecInput } from "../spec-input.ts";

const CPU_PERIOD_US = 100_000;
/** The kernel's floors: 2 shares, 1 ms of quota. */
const MIN_CPU_SHARES = 2;
const MIN_CPU_QUOTA_US = 1_000;

/** Limits of the container's cgroup and its device rules: everything denied, the harmless standard nodes and the GPUs allowed. */
export function withResources(spec: OciSpec, input: SpecInput): OciSpec {
  const { resources } = input;
  const limits: OciResources = {
    devices: [{ allow: false, access: "rwm" }, ...STANDARD_DEVICES, ...resources.deviceRules],
    pids: { limit: resources.pidsLimit },
    ...memoryLimit(resources),
    ...cpuLimit(resources),
  };
  return { ...spec, linux: { ...spec.linux, resources: limits } };
}

/** Swap equal to memory means no swap: a job over its limit is ended, not slowed to a crawl for hours. */
function memoryLimit({ memoryBytes, swapAccounting }: ResourceInput): Pick<OciResources, "memory"> {
  if (memoryBytes === null) return {};
  return { memory: swapAccounting ? { limit: memoryBytes, swap: memoryBytes } : { limit: memoryBytes } };
}

function cpuLimit({ cpuMillis }: ResourceInput): Pick<OciResources, "cpu"> {
  if (cpuMillis === null) return {};
  const shares = Math.max(MIN_CPU_SHARES, Math.round((cpuMillis * 1024) / 1000));
  const quota = Math.max(MIN_CPU_QUOTA_US, Math.round((cpuMillis * CPU_PERIOD_US) / 1000));
  return { cpu: { shares, quota, period: CPU_PERIOD_US } };
}

const STANDARD_DEVICES: readonly OciDeviceRule[] = [
  character(1, 3), // null
  character(1, 5), // zero
  character(1, 7), // full
  character(1, 8), // random
  character(1, 9), // urandom
  character(5, 0), // tty
  character(5, 2), // ptmx
  { allow: true, type: "c", major: 136, access: "rwm" }, // pts/*
];

function character(major: number, minor: number): OciDeviceRule {
  return { allow: true, type: "c", major, minor, access: "rwm" };
}
