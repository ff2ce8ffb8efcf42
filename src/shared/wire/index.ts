export type {
  BlobClaimRequest,
  BlobClaimResponse,
  BlobHoldRequest,
  CertificateRequest,
  CertificateResponse,
  DesiredReplica,
  DiagnosticRequest,
  DiagnosticResult,
  JoinRequest,
  JoinResponse,
  ReplicaReport,
  ReplicaSpec,
  SyncRequest,
  SyncResponse,
} from "./agent-protocol.ts";
export {
  AGENT_PROTOCOL_VERSION,
  BlobClaimRequestSchema,
  BlobClaimResponseSchema,
  BlobHoldRequestSchema,
  CertificateRequestSchema,
  CertificateResponseSchema,
  DesiredReplicaSchema,
  DiagnosticRequestSchema,
  DiagnosticResultSchema,
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
export type { ExplanationView } from "./api-explain.ts";
export { ExplanationSchema } from "./api-explain.ts";
export type { LogEntry } from "./api-job.ts";
export { JobEventListSchema, JobEventSchema, JobListSchema, JobSchema, JobStateSchema, LogEntrySchema } from "./api-job.ts";
export type { NodePatch } from "./api-node.ts";
export { NodeListSchema, NodePatchSchema, NodeSchema } from "./api-node.ts";
export type { Problem } from "./api-problem.ts";
export { ProblemSchema } from "./api-problem.ts";
export type { ProjectInput, ProjectParams, ProjectView } from "./api-project.ts";
export { ProjectInputSchema, ProjectListSchema, ProjectParamsSchema, ProjectSchema } from "./api-project.ts";
export type {
  EventsQuery,
  IdempotencyHeaders,
  JobParams,
  JobQuery,
  LogPushParams,
  LogPushQuery,
  LogsQuery,
  NodeParams,
  TaskSelection,
  TokenRequest,
} from "./api-requests.ts";
export {
  EventsQuerySchema,
  HealthSchema,
  IdempotencyHeadersSchema,
  JobParamsSchema,
  JobQuerySchema,
  LogPushParamsSchema,
  LogPushQuerySchema,
  LogsQuerySchema,
  NodeParamsSchema,
  TaskSelectionSchema,
  TokenRequestSchema,
  TokenResponseSchema,
  VersionSchema,
} from "./api-requests.ts";
export type { ReservationInput, ReservationParams, ReservationView } from "./api-reservation.ts";
export { ReservationInputSchema, ReservationListSchema, ReservationParamsSchema, ReservationSchema } from "./api-reservation.ts";
export type { JobSpecInput } from "./job-spec-schema.ts";
export { JobSpecSchema } from "./job-spec-schema.ts";
export { LIMITS } from "./limits.ts";
export { resolveJobSpec } from "./resolve-job-spec.ts";
