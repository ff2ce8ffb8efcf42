/**
 * Every metric Berth exports, by the Prometheus naming rules: `berth_` prefix, base units (seconds, bytes), `_total` for
 * counters. Dashboards and alert rules take their names from here. Label values are closed sets, ids Berth made, or
 * what hardware reports; text that a user wrote (job name, project, label) is never one, as it could grow without bound.
 */
export const METRICS = {
  buildInfo: "berth_build_info",
  jobs: "berth_jobs",
  jobsPending: "berth_jobs_pending",
  jobQueueWait: "berth_job_queue_wait_seconds",
  jobRun: "berth_job_run_seconds",
  jobsFinished: "berth_jobs_finished_total",
  preemptions: "berth_job_preemptions_total",
  jobsSubmitted: "berth_jobs_submitted_total",
  schedulerLeader: "berth_scheduler_leader",
  schedulerCycle: "berth_scheduler_cycle_seconds",
  nodes: "berth_nodes",
  nodeGpus: "berth_node_gpus",
  nodeCpus: "berth_node_cpus",
  nodeMemory: "berth_node_memory_bytes",
  nodeDiskFree: "berth_node_disk_free_bytes",
  nodeLastSeen: "berth_node_last_seen_timestamp_seconds",
  gpuInfo: "berth_gpu_info",
  gpuMemory: "berth_gpu_memory_bytes",
  gpuHealthy: "berth_gpu_healthy",
  gpuAllocated: "berth_gpu_allocated",
  logBytes: "berth_log_bytes_total",
  logFollowers: "berth_log_followers",
  redisUp: "berth_redis_up",
  httpDuration: "http_request_duration_seconds",
} as const;

/** Label names: `gpu`, `UUID` and `modelName` are spelt as dcgm-exporter spells them, so that joins with its series work. */
export const LABELS = {
  gpu: ["gpu", "UUID", "node"],
  gpuInfo: ["gpu", "UUID", "node", "modelName", "pci_bus_id", "simulated"],
} as const;

export const BUCKETS = {
  queueWait: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 604_800],
  run: [1, 5, 15, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 259_200, 604_800],
  cycle: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  http: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
} as const;
