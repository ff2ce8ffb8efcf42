import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { BUCKETS, LABELS, METRICS } from "./metric-names.ts";

export type Metrics = ReturnType<typeof createMetrics>;

/** A registry of its own (prom-client's global one is shared by everything in the process) with every metric of Berth. */
export function createMetrics(build: { version: string; revision?: string }) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  gauge(registry, METRICS.buildInfo, "Always 1; the labels tell the version.", ["version", "revision", "node_version"]).set(
    { version: build.version, revision: build.revision ?? "", node_version: process.version },
    1,
  );
  return { registry, ...jobMetrics(registry), ...nodeMetrics(registry), ...apiMetrics(registry) };
}

function jobMetrics(registry: Registry) {
  return {
    jobs: gauge(registry, METRICS.jobs, "Jobs the control plane knows, by state.", ["state"]),
    jobsPending: gauge(registry, METRICS.jobsPending, "Pending jobs of the last scheduling pass, by what keeps them waiting.", ["reason"]),
    jobQueueWait: histogram(registry, METRICS.jobQueueWait, "From becoming pending to assignment.", [], BUCKETS.queueWait),
    jobRun: histogram(registry, METRICS.jobRun, "From the first container's start to the job's end.", ["outcome"], BUCKETS.run),
    jobsFinished: counter(registry, METRICS.jobsFinished, "Jobs that ended.", ["outcome"]),
    preemptions: counter(registry, METRICS.preemptions, "Jobs told to make room for another, by why.", ["reason"]),
    jobsSubmitted: counter(registry, METRICS.jobsSubmitted, "Jobs accepted.", []),
    schedulerCycle: histogram(registry, METRICS.schedulerCycle, "One scheduling cycle, reads and writes included.", [], BUCKETS.cycle),
    schedulerLeader: gauge(registry, METRICS.schedulerLeader, "1 while this control plane schedules, 0 while it stands by.", []),
    redisUp: gauge(registry, METRICS.redisUp, "1 while Redis answers.", []),
  };
}

function nodeMetrics(registry: Registry) {
  return {
    nodes: gauge(registry, METRICS.nodes, "Nodes by state.", ["state"]),
    nodeGpus: gauge(registry, METRICS.nodeGpus, "GPUs of a node.", ["node", "state"]),
    nodeCpus: gauge(registry, METRICS.nodeCpus, "CPUs of a node.", ["node", "state"]),
    nodeMemory: gauge(registry, METRICS.nodeMemory, "Memory of a node.", ["node", "state"]),
    nodeDiskFree: gauge(registry, METRICS.nodeDiskFree, "Free space below the node's data folder.", ["node"]),
    nodeLastSeen: gauge(registry, METRICS.nodeLastSeen, "When the node's agent last synced.", ["node"]),
    gpuInfo: gauge(registry, METRICS.gpuInfo, "Always 1; the labels tell the GPU.", LABELS.gpuInfo),
    gpuMemory: gauge(registry, METRICS.gpuMemory, "Memory a GPU has.", LABELS.gpu),
    gpuHealthy: gauge(registry, METRICS.gpuHealthy, "1 when a GPU may be used.", LABELS.gpu),
    gpuAllocated: gauge(registry, METRICS.gpuAllocated, "1 while a GPU, or a part of it, belongs to a job.", LABELS.gpu),
  };
}

function apiMetrics(registry: Registry) {
  return {
    httpDuration: histogram(
      registry,
      METRICS.httpDuration,
      "HTTP requests; route is the pattern.",
      ["method", "route", "status"],
      BUCKETS.http,
    ),
    logBytes: counter(registry, METRICS.logBytes, "Bytes of job logs stored.", []),
    logFollowers: gauge(registry, METRICS.logFollowers, "Log streams being followed.", []),
  };
}

function gauge<L extends string>(registry: Registry, name: string, help: string, labelNames: readonly L[]): Gauge<L> {
  return new Gauge({ name, help, labelNames, registers: [registry] });
}

function counter<L extends string>(registry: Registry, name: string, help: string, labelNames: readonly L[]): Counter<L> {
  return new Counter({ name, help, labelNames, registers: [registry] });
}

function histogram<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
  buckets: readonly number[],
): Histogram<L> {
  return new Histogram({ name, help, labelNames, buckets: [...buckets], registers: [registry] });
}
