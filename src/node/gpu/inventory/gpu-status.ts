import type { Gpu } from "../../../shared/domain/index.ts";
import type { NvmlGpu, NvmlMigDevice, NvmlReport, NvmlSample } from "../../platform/index.ts";
import type { GpuInventory } from "../types.ts";
import { type GpuPair, pairGpus } from "./gpu-topology.ts";
import { plausibleSample } from "./plausible-sample.ts";
import type { XidEvent, XidHistory } from "./xids.ts";

/** A GPU with all that is known of it now: what `GET /v1/gpus` shows. */
export interface GpuStatus extends Gpu {
  /** Null when its driver did not answer lately. */
  telemetry: Telemetry | null;
  ecc: NvmlGpu["ecc"];
  remappedRows: NvmlGpu["remappedRows"];
  /** The memory of its MIG devices; [] when it is not partitioned. */
  instances: readonly NvmlMigDevice[];
  /** MIG mode after the next reset; null when it cannot be partitioned. */
  migPending: boolean | null;
  /** Newest last. */
  xids: readonly XidEvent[];
}

export type Telemetry = Omit<NvmlSample, "index" | "uuid" | "error" | "memoryTotalBytes">;

export interface GpuStatusReport extends Omit<GpuInventory, "gpus"> {
  gpus: GpuStatus[];
  pairs: GpuPair[];
  /** Whether the driver's errors (XIDs) are heard as they happen. */
  listening: boolean;
}

export interface StatusInput {
  inventory: GpuInventory;
  /** NVML's last answer. */
  report: NvmlReport | null;
  /** Fresh readings. */
  samples: readonly NvmlSample[];
  xids: XidHistory;
  listening: boolean;
}

/**
 * Joins the inventory with NVML's last answer and fresh readings by UUID; GPUs that did not answer stay in the list.
 */
export function statusReport({ inventory, report, samples, xids, listening }: StatusInput): GpuStatusReport {
  const { gpus, ...rest } = inventory;
  const status = gpus.map((gpu): GpuStatus => {
    const told = report?.gpus.find(({ uuid }) => uuid === gpu.uuid) ?? null;
    const sample = samples.find(({ uuid }) => uuid === gpu.uuid);
    return {
      ...gpu,
      telemetry: sample ? telemetryOf(sample) : null,
      ecc: told?.ecc ?? null,
      remappedRows: told?.remappedRows ?? null,
      instances: told?.mig?.devices ?? [],
      migPending: told?.mig?.pending ?? null,
      xids: xids.of(gpu.uuid),
    };
  });
  return { ...rest, gpus: status, pairs: report === null ? [] : pairGpus(present(gpus, report), report), listening };
}

function telemetryOf(sample: NvmlSample): Telemetry {
  const {
    memoryUsedBytes,
    utilizationPercent,
    memoryUtilizationPercent,
    temperatureCelsius,
    powerMilliwatts,
    powerLimitMilliwatts,
    smClockMhz,
    memoryClockMhz,
    energyMillijoules,
    pcieReplays,
    processes,
  } = plausibleSample(sample);
  return {
    ...{ memoryUsedBytes, utilizationPercent, memoryUtilizationPercent, temperatureCelsius, powerMilliwatts, powerLimitMilliwatts },
    ...{ smClockMhz, memoryClockMhz, energyMillijoules, pcieReplays, processes },
  };
}

function present(gpus: readonly Gpu[], report: NvmlReport): Gpu[] {
  return gpus.filter((gpu) => report.gpus.some(({ uuid, error }) => uuid === gpu.uuid && error === null));
}
