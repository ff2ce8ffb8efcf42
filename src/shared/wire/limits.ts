/** Sizes past which a request is a mistake or an attack. Refused whole, with the field named. */
export const LIMITS = {
  specBytes: 1024 * 1024,
  gpusPerReplica: 64,
  replicas: 1024,
  cpuMillis: 4096 * 1000,
  /** 64 TiB: more than any node has, less than "1PB". */
  memoryBytes: 64 * 2 ** 40,
  durationSeconds: 366 * 86400,
  stopGraceSeconds: 3600,
  envEntries: 1000,
  envValueBytes: 128 * 1024,
  envTotalBytes: 512 * 1024,
  arguments: 4096,
  argumentBytes: 128 * 1024,
  mounts: 128,
  ports: 64,
  labels: 64,
  retries: 100,
  /** What a control plane takes unless its operator says otherwise. */
  arrayTasks: 100_000,
} as const;
