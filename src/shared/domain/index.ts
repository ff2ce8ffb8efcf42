export type { Clock } from "./clock.ts";
export type { ErrorCode } from "./errors.ts";
export { BerthError, ERRORS, errorText, isBerthError } from "./errors.ts";
export type {
  Assignment,
  Attempt,
  ExitCause,
  Job,
  JobEvent,
  JobState,
  Outcome,
  ReplicaState,
  ReplicaStatus,
  ResourceUsage,
  StopReason,
} from "./job.ts";
export { isActive, isTerminal } from "./job.ts";
export type { JobSpec, MountRequest, NetworkMode, ResourceRequest } from "./job-spec.ts";
export type { Gpu, MigDevice, NodeFacts, NodeRecord, NodeState, NvlinkPeer } from "./node.ts";
export { systemClock } from "./system-clock.ts";
export { formatBytes, formatDuration, parseBytes, parseCpuMillis, parseDurationSeconds } from "./units.ts";
