import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Clock } from "../../shared/domain/index.ts";
import type { Container } from "../engine/index.ts";

/** A GPU's readings, as NVML gives them; null where it does not say. */
export interface GpuReading {
  index: number;
  minor: number;
  uuid: string;
  name: string;
  pciBusId: string;
  memoryTotalBytes: number;
  memoryUsedBytes: number;
  utilizationPercent: number | null;
  temperatureCelsius: number | null;
  powerMilliwatts: number | null;
}

export interface AgentMetrics {
  /** A sync succeeded after so many seconds. */
  synced(seconds: number): void;
  /** Prometheus text format. */
  text(): Promise<string>;
  contentType: string;
}

export interface AgentMetricsPort {
  hostname: string;
  containers(): Container[];
  gpuReadings(): GpuReading[];
  clock: Clock;
}

const GPU_LABELS = ["gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname"] as const;
const MIB = 1024 * 1024;

/** dcgm-exporter's names, units (%, C, W, MiB) and labels, so that its dashboards and alerts work unchanged. */
const GPU_GAUGES: { name: string; help: string; read: (gpu: GpuReading) => number | null }[] = [
  { name: "DCGM_FI_DEV_GPU_UTIL", help: "GPU utilization (in %).", read: (gpu) => gpu.utilizationPercent },
  { name: "DCGM_FI_DEV_FB_USED", help: "Framebuffer memory used (in MiB).", read: (gpu) => gpu.memoryUsedBytes / MIB },
  {
    name: "DCGM_FI_DEV_FB_FREE",
    help: "Framebuffer memory free (in MiB).",
    read: (gpu) => (gpu.memoryTotalBytes - gpu.memoryUsedBytes) / MIB,
  },
  { name: "DCGM_FI_DEV_GPU_TEMP", help: "GPU temperature (in C).", read: (gpu) => gpu.temperatureCelsius },
  {
    name: "DCGM_FI_DEV_POWER_USAGE",
    help: "Power draw (in W).",
    read: (gpu) => (gpu.powerMilliwatts === null ? null : gpu.powerMilliwatts / 1000),
  },
];

export function createAgentMetrics(port: AgentMetricsPort): AgentMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const duration = new Histogram({
    name: "berth_agent_sync_duration_seconds",
    help: "Syncs with the control plane that succeeded.",
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  let lastSync: number | null = null;
  addAgentGauges(registry, port, () => lastSync);
  for (const gauge of GPU_GAUGES) addGpuGauge(registry, port, gauge);
  return {
    synced(seconds) {
      duration.observe(seconds);
      lastSync = port.clock.monotonic();
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function addAgentGauges(registry: Registry, port: AgentMetricsPort, lastSync: () => number | null): void {
  new Gauge({
    name: "berth_agent_containers",
    help: "Containers on this node, by state.",
    labelNames: ["state"],
    registers: [registry],
    collect() {
      const containers = port.containers();
      for (const state of ["created", "running", "exited"] as const) {
        this.set({ state }, containers.filter((container) => container.state === state).length);
      }
    },
  });
  new Gauge({
    name: "berth_agent_last_sync_age_seconds",
    help: "Time since the control plane last answered; NaN before the first answer.",
    registers: [registry],
    collect() {
      const last = lastSync();
      this.set(last === null ? Number.NaN : (port.clock.monotonic() - last) / 1000);
    },
  });
}

function addGpuGauge(registry: Registry, port: AgentMetricsPort, { name, help, read }: (typeof GPU_GAUGES)[number]): void {
  new Gauge({
    name,
    help,
    labelNames: GPU_LABELS,
    registers: [registry],
    collect() {
      this.reset();
      for (const gpu of port.gpuReadings()) {
        const value = read(gpu);
        if (value !== null) this.set(labelsOf(gpu, port.hostname), value);
      }
    },
  });
}

function labelsOf(gpu: GpuReading, hostname: string): Record<(typeof GPU_LABELS)[number], string> {
  return {
    gpu: String(gpu.index),
    UUID: gpu.uuid,
    pci_bus_id: gpu.pciBusId,
    device: `nvidia${gpu.minor}`,
    modelName: gpu.name,
    Hostname: hostname,
  };
}
