import type { DesiredReplica, ReplicaSpec } from "../../src/shared/wire/index.ts";

/** A small CPU replica of job 7 that the control plane wants. */
export function desiredReplica(change: Partial<Omit<DesiredReplica, "spec">> & { spec?: Partial<ReplicaSpec> } = {}): DesiredReplica {
  const { spec, ...key } = change;
  return {
    jobId: "7",
    epoch: 1,
    rank: 0,
    action: "run",
    ...key,
    spec: {
      jobName: "digits",
      project: "default",
      image: "digits:latest",
      command: null,
      args: null,
      env: { RANK: "0" },
      workdir: null,
      gpuUuids: [],
      cpuMillis: 1000,
      memoryBytes: 2 ** 30,
      shmBytes: null,
      timeLimitSeconds: null,
      stopGraceSeconds: 30,
      mounts: [],
      network: "none",
      ...spec,
    },
  };
}
