export {
  AGENT_PROTOCOL_VERSION,
  DesiredReplicaSchema,
  GpuSchema,
  JoinRequestSchema,
  JoinResponseSchema,
  LogPushResponseSchema,
  NodeFactsSchema,
  ReplicaReportSchema,
  ReplicaSpecSchema,
  SyncRequestSchema,
  SyncResponseSchema,
} from "./agent-protocol.ts";
export type { DesiredReplica, JoinRequest, JoinResponse, ReplicaReport, ReplicaSpec, SyncRequest, SyncResponse } from "./agent-protocol.ts";
export { JobSpecSchema } from "./job-spec-schema.ts";
export type { JobSpecInput } from "./job-spec-schema.ts";
export { LIMITS } from "./limits.ts";
export { resolveJobSpec } from "./resolve-job-spec.ts";
