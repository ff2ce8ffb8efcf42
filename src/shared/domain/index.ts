export type { Clock } from "./clock.ts";
export type { DigestAlgorithm } from "./digest.ts";
export { algorithmOf, DIGEST_ALGORITHMS, DIGEST_PATTERN, isDigest } from "./digest.ts";
export type { ErrorCode } from "./errors.ts";
export { BerthError, ERRORS, errorText, isBerthError } from "./errors.ts";
export type { GpuShare, GpuShareRequest, GpuSharing } from "./gpu-share.ts";
export { ACROSS_PROJECTS, gpuCountText, gpusCounted, migPart, SHARING_LABEL, shareMemory, WHOLE_GPU_MILLIS } from "./gpu-share.ts";
export type { ImageLayer } from "./image-layer.ts";
export { heldLayers, largeLayers } from "./image-layer.ts";
export type {
  ArrayProgress,
  ArrayTask,
  Assignment,
  Attempt,
  AvoidedHardware,
  ExitCause,
  HardwareVerdict,
  Job,
  JobEvent,
  JobState,
  Outcome,
  ReplicaState,
  ReplicaStatus,
  ResourceUsage,
  RoomPromise,
  StopReason,
} from "./job.ts";
export { isActive, isTerminal, lastCheckpoint, nameOfJobId } from "./job.ts";
export type { ArraySpec, CheckpointSpec, JobSpec, MountRequest, NetworkMode, PullPolicy, ResourceRequest, UsernsMode } from "./job-spec.ts";
export type {
  Gpu,
  MigDevice,
  NodeControls,
  NodeFacts,
  NodeRecord,
  NodeState,
  NodeUserns,
  NvlinkPeer,
  Quarantine,
  Release,
} from "./node.ts";
export { quarantineText } from "./node.ts";
export { pause } from "./pause.ts";
export type { GpuCondition, PlacementRules, Taint, Toleration, VersionOperator } from "./placement-rules.ts";
export { NO_RULES, versionHolds } from "./placement-rules.ts";
export { placesText } from "./places-text.ts";
export type { PortProtocol, PublishedPort } from "./published-port.ts";
export { portName, publishedPortText } from "./published-port.ts";
export type { Reference } from "./reference.ts";
export { familiarReference, formatReference, namesRegistry, normaliseReference, parseReference } from "./reference.ts";
export { resolveArray } from "./resolve-array.ts";
export { systemClock } from "./system-clock.ts";
export type { TaskIndexes } from "./task-indexes.ts";
export {
  formatTaskIndexes,
  hasTaskIndex,
  parseTaskIndexes,
  splitTaskIndexes,
  takeTaskIndexes,
  taskIndexBounds,
  taskIndexesOf,
  taskIndexList,
} from "./task-indexes.ts";
export { formatBytes, formatDuration, parseBytes, parseCpuMillis, parseDurationSeconds } from "./units.ts";
