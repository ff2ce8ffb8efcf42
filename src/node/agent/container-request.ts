import type { DesiredReplica } from "../../shared/wire/index.ts";
import { CHECKPOINT_FILE, type ContainerRequest } from "../engine/index.ts";
import { labelsOf } from "./replica-key.ts";
import { shareEnvironment } from "./share-environment.ts";

/** Enough for data loaders by the hundred, small enough that a fork bomb stays in its container. */
const PIDS_LIMIT = 16_384;

/** Turns the control plane's words into the engine's. `leaseDeadlineMs`: boot-time milliseconds. */
export function containerRequest(desired: DesiredReplica, id: string, leaseDeadlineMs: number): ContainerRequest {
  const { spec } = desired;
  return {
    id,
    image: spec.image,
    command: spec.command,
    args: spec.args,
    env: {
      ...spec.env,
      ...shareEnvironment(spec.gpuShare, spec.env),
      ...(spec.checkpoint === undefined ? {} : { BERTH_CHECKPOINT_ACK: CHECKPOINT_FILE }),
    },
    workdir: spec.workdir,
    user: null,
    hostname: hostnameOf(spec.jobName, desired.rank),
    mounts: spec.mounts,
    cpuMillis: spec.cpuMillis,
    memoryBytes: spec.memoryBytes,
    shmBytes: spec.shmBytes,
    ...(spec.storageBytes === undefined ? {} : { storageBytes: spec.storageBytes }),
    pidsLimit: PIDS_LIMIT,
    gpuUuids: spec.gpuUuids,
    network: spec.network,
    ...(spec.ports === undefined ? {} : { ports: spec.ports }),
    ...(spec.userns === undefined ? {} : { userns: spec.userns }),
    labels: labelsOf(desired),
    leaseDeadlineMs,
    stopSignal: null,
    checkpoints: spec.checkpoint !== undefined,
  };
}

/** "<job name>-<rank>", at most the 63 characters of a DNS label. */
function hostnameOf(jobName: string, rank: number): string {
  const suffix = `-${rank}`;
  return `${jobName.slice(0, 63 - suffix.length).replace(/-+$/, "")}${suffix}`;
}
