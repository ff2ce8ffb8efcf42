import { Counter, Gauge, type Registry } from "prom-client";
import type { GpuStatus } from "../gpu/index.ts";

export interface GpuMetricsPort {
  hostname: string;
  gpus(): readonly GpuStatus[];
  /** Since this agent started. */
  xidCounts(): readonly { uuid: string; xid: number; count: number }[];
}

interface GpuMetric {
  name: string;
  help: string;
  type: "gauge" | "counter";
  /** Null: no series. */
  read(gpu: GpuStatus): number | null | undefined;
}

const GPU_LABELS = ["gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname"] as const;
const MIG_LABELS = ["GPU_I_PROFILE", "GPU_I_ID"] as const;
const MIB = 1024 * 1024;

const gauge = (name: string, help: string, read: GpuMetric["read"]): GpuMetric => ({ name, help, type: "gauge", read });
const counter = (name: string, help: string, read: GpuMetric["read"]): GpuMetric => ({ name, help, type: "counter", read });

/** dcgm-exporter's names, units (%, C, W, MHz, mJ, MiB) and labels, so that its dashboards and alerts work unchanged. */
const GPU_METRICS: readonly GpuMetric[] = [
  gauge("DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %).", ({ telemetry }) => telemetry?.utilizationPercent),
  gauge("DCGM_FI_DEV_MEM_COPY_UTIL", "Memory utilization (in %).", ({ telemetry }) => telemetry?.memoryUtilizationPercent),
  gauge("DCGM_FI_DEV_GPU_TEMP", "GPU temperature (in C).", ({ telemetry }) => telemetry?.temperatureCelsius),
  gauge("DCGM_FI_DEV_POWER_USAGE", "Power draw (in W).", ({ telemetry }) => watts(telemetry?.powerMilliwatts)),
  gauge("DCGM_FI_DEV_POWER_MGMT_LIMIT", "Power limit in force (in W).", ({ telemetry }) => watts(telemetry?.powerLimitMilliwatts)),
  gauge("DCGM_FI_DEV_SM_CLOCK", "SM clock frequency (in MHz).", ({ telemetry }) => telemetry?.smClockMhz),
  gauge("DCGM_FI_DEV_MEM_CLOCK", "Memory clock frequency (in MHz).", ({ telemetry }) => telemetry?.memoryClockMhz),
  counter(
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
    "Energy since the driver was loaded (in mJ).",
    ({ telemetry }) => telemetry?.energyMillijoules,
  ),
  counter("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "PCIe retries.", ({ telemetry }) => telemetry?.pcieReplays),
  counter("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", "Corrected memory errors since the driver was loaded.", ({ ecc }) => ecc?.correctable),
  counter("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "Uncorrectable memory errors since the driver was loaded.", ({ ecc }) => ecc?.uncorrectable),
  counter("DCGM_FI_DEV_ECC_DBE_AGG_TOTAL", "Uncorrectable memory errors since the GPU was made.", ({ ecc }) => ecc?.uncorrectableEver),
  counter(
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
    "Rows remapped for uncorrectable errors.",
    ({ remappedRows }) => remappedRows?.uncorrectable,
  ),
  counter(
    "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS",
    "Rows remapped for correctable errors.",
    ({ remappedRows }) => remappedRows?.correctable,
  ),
  gauge("DCGM_FI_DEV_ROW_REMAP_FAILURE", "Whether remapping of rows has failed.", ({ remappedRows }) => asNumber(remappedRows?.failure)),
  gauge("DCGM_FI_DEV_ROW_REMAP_PENDING", "Whether rows wait to be remapped.", ({ remappedRows }) => asNumber(remappedRows?.pending)),
  gauge("DCGM_FI_DEV_XID_ERRORS", "Value of the last XID error encountered.", ({ xids }) => xids.at(-1)?.xid ?? 0),
  gauge("berth_gpu_healthy", "Whether the GPU may be handed out.", ({ healthy }) => asNumber(healthy)),
];

/** Adds the GPUs' metrics to `registry`. Nothing is asked of the driver: a scrape cannot hang. */
export function addGpuMetrics(registry: Registry, port: GpuMetricsPort): void {
  for (const metric of GPU_METRICS) addGpuMetric(registry, port, metric);
  addMemory(registry, port, "DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB).", ({ used }) => used);
  addMemory(registry, port, "DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB).", ({ used, total }) => total - used);
  addXidCounter(registry, port);
}

function addGpuMetric(registry: Registry, port: GpuMetricsPort, { name, help, type, read }: GpuMetric): void {
  const collect = (set: (labels: Record<string, string>, value: number) => void) => {
    for (const gpu of port.gpus()) {
      const value = read(gpu);
      if (value !== null && value !== undefined) set(labelsOf(gpu, port.hostname), value);
    }
  };
  const options = { name, help, labelNames: GPU_LABELS, registers: [registry] };
  if (type === "gauge")
    new Gauge({
      ...options,
      collect() {
        this.reset();
        collect((labels, value) => this.set(labels, value));
      },
    });
  else
    new Counter({
      ...options,
      collect() {
        // The driver counts: each scrape shows its number.
        this.reset();
        collect((labels, value) => this.inc(labels, value));
      },
    });
}

/** A partitioned GPU's memory is told by instance, as dcgm-exporter does. */
function addMemory(
  registry: Registry,
  port: GpuMetricsPort,
  name: string,
  help: string,
  read: (memory: { used: number; total: number }) => number,
): void {
  new Gauge({
    name,
    help,
    labelNames: [...GPU_LABELS, ...MIG_LABELS],
    registers: [registry],
    collect() {
      this.reset();
      for (const gpu of port.gpus()) {
        const labels = labelsOf(gpu, port.hostname);
        if (gpu.telemetry === null) continue;
        for (const { profile, gpuInstance, memoryUsedBytes, memoryTotalBytes } of gpu.instances) {
          const memory = { used: memoryUsedBytes, total: memoryTotalBytes };
          this.set({ ...labels, GPU_I_PROFILE: profile, GPU_I_ID: String(gpuInstance) }, read(memory) / MIB);
        }
        if (gpu.instances.length === 0) this.set(labels, read({ used: gpu.telemetry.memoryUsedBytes, total: gpu.memoryBytes }) / MIB);
      }
    },
  });
}

/** DCGM_FI_DEV_XID_ERRORS holds the last code only: two of a kind look like one, and no rate can be taken of it. */
function addXidCounter(registry: Registry, port: GpuMetricsPort): void {
  new Counter({
    name: "berth_gpu_xid_errors_total",
    help: "Errors (XIDs) that the driver reported, by code.",
    labelNames: [...GPU_LABELS, "xid"],
    registers: [registry],
    collect() {
      this.reset();
      const gpus = port.gpus();
      for (const { uuid, xid, count } of port.xidCounts()) {
        const gpu = gpus.find((candidate) => candidate.uuid === uuid);
        if (gpu) this.inc({ ...labelsOf(gpu, port.hostname), xid: String(xid) }, count);
      }
    },
  });
}

function labelsOf(gpu: GpuStatus, hostname: string): Record<(typeof GPU_LABELS)[number], string> {
  return {
    gpu: String(gpu.index),
    UUID: gpu.uuid,
    pci_bus_id: gpu.pciBusId,
    device: `nvidia${gpu.minor}`,
    modelName: gpu.model,
    Hostname: hostname,
  };
}

function watts(milliwatts: number | null | undefined): number | null {
  return milliwatts === null || milliwatts === undefined ? null : milliwatts / 1000;
}

function asNumber(value: boolean | null | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}
