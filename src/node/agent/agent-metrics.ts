import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Clock } from "../../shared/domain/index.ts";
import type { Container } from "../engine/index.ts";
import { addGpuMetrics, type GpuMetricsPort } from "./gpu-metrics.ts";

export interface AgentMetrics {
  /** A sync succeeded after so many seconds. */
  synced(seconds: number): void;
  /** Prometheus text format. */
  text(): Promise<string>;
  contentType: string;
}

export interface AgentMetricsPort extends GpuMetricsPort {
  containers(): Container[];
  /** Bytes of image blobs by who sent them; absent where there are no peers. */
  imageBytes?(): { peer: number; registry: number };
  clock: Clock;
}

/** A registry of its own: gauges are read when they are scraped, so nothing here can be out of date. */
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
  addGpuMetrics(registry, port);
  addImageBytes(registry, port);
  return {
    synced(seconds) {
      duration.observe(seconds);
      lastSync = port.clock.monotonic();
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function addImageBytes(registry: Registry, { imageBytes }: AgentMetricsPort): void {
  if (imageBytes === undefined) return;
  new Counter({
    name: "berth_agent_image_bytes_total",
    help: "Bytes of image blobs that came, by whether a peer or the registry sent them.",
    labelNames: ["from"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [from, bytes] of Object.entries(imageBytes())) this.inc({ from }, bytes);
    },
  });
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
