import { type Static, Type } from "typebox";
import { GpuShareSchema, PublishedPortSchema } from "./agent-protocol.ts";
import { Milliseconds, nullable } from "./api-common.ts";

/** Answers of the job routes: `Job` of shared/domain as a schema. `shared/wire` tests hold the two together. */
export const JobStateSchema = Type.Union([
  Type.Literal("pending"),
  Type.Literal("starting"),
  Type.Literal("running"),
  Type.Literal("stopping"),
  Type.Literal("succeeded"),
  Type.Literal("failed"),
  Type.Literal("cancelled"),
]);

const ConditionSchema = Type.Object({
  subject: Type.Union([Type.Literal("driver"), Type.Literal("cuda"), Type.Literal("compute-capability"), Type.Literal("brand")]),
  operator: Type.Union([
    Type.Literal(">="),
    Type.Literal(">"),
    Type.Literal("="),
    Type.Literal("!="),
    Type.Literal("<="),
    Type.Literal("<"),
  ]),
  value: Type.String(),
});

const ResolvedSpecSchema = Type.Object(
  {
    name: Type.String(),
    image: Type.String(),
    pull: Type.Optional(Type.String({ description: "always, missing or never; absent is by tag" })),
    command: nullable(Type.Array(Type.String())),
    args: nullable(Type.Array(Type.String())),
    env: Type.Record(Type.String(), Type.String()),
    workdir: nullable(Type.String()),
    resources: Type.Object({
      gpus: Type.Integer({ description: "GPUs, or devices of migProfile; 1 with gpuShare" }),
      gpuShare: Type.Optional(
        Type.Object(
          {
            millis: Type.Integer({ description: "thousandths of the GPU" }),
            memoryBytes: nullable(Type.Number({ description: "null: the same part of the GPU's memory" })),
            sharing: Type.String({ description: "time-slice or mps" }),
          },
          { description: "a part of one GPU" },
        ),
      ),
      migProfile: Type.Optional(Type.String({ description: "MIG devices of this profile in place of GPUs" })),
      gpuModel: nullable(Type.String()),
      gpuMemoryBytes: nullable(Type.Number()),
      gpuMemoryMaxBytes: Type.Optional(Type.Number()),
      gpuConditions: Type.Optional(
        Type.Array(ConditionSchema, {
          description: "of the driver, CUDA or the compute capability",
        }),
      ),
      cpuMillis: Type.Integer(),
      memoryBytes: Type.Number(),
      shmBytes: nullable(Type.Number()),
      storageBytes: Type.Optional(Type.Number({ description: "most that a replica may write into its root" })),
      hostPorts: Type.Optional(Type.Array(Type.String(), { description: "8080/tcp: ports of the node that nobody else there has" })),
    }),
    replicas: Type.Integer(),
    priority: Type.Integer(),
    project: Type.String(),
    timeLimitSeconds: nullable(Type.Number()),
    stopGraceSeconds: Type.Number(),
    retries: Type.Integer(),
    mounts: Type.Array(Type.Object({ type: Type.String(), source: Type.String(), target: Type.String(), readOnly: Type.Boolean() })),
    network: Type.String(),
    ports: Type.Optional(Type.Array(PublishedPortSchema)),
    userns: Type.Optional(Type.String({ description: "private or host; absent as the node is set up" })),
    labels: Type.Record(Type.String(), Type.String()),
    array: Type.Optional(
      Type.Object({ indexes: Type.String(), limit: nullable(Type.Integer()) }, { description: "runs once for each index" }),
    ),
    checkpoint: Type.Optional(
      Type.Object(
        { signal: Type.String(), graceSeconds: Type.Number(), intervalSeconds: nullable(Type.Number()) },
        { description: "how it is asked to save its state" },
      ),
    ),
    minReplicas: Type.Optional(Type.Integer({ description: "an elastic job starts with replicas, or as few as these" })),
    placement: Type.Optional(
      Type.Object({
        architecture: nullable(Type.String()),
        diskBytes: nullable(Type.Number()),
        nodeSelector: Type.Record(Type.String(), Type.String()),
        tolerations: Type.Array(Type.Object({ key: Type.String(), value: nullable(Type.String()) })),
        excludedNodes: Type.Array(Type.String()),
        maxPerNode: nullable(Type.Integer()),
        sameLabel: nullable(Type.String()),
        spreadLabel: nullable(Type.String()),
      }),
    ),
  },
  { description: "the spec with units read and defaults filled in" },
);

const UsageSchema = Type.Object({
  cpuSeconds: Type.Number(),
  peakMemoryBytes: nullable(Type.Number()),
  peakGpuMemoryBytes: nullable(Type.Number()),
});

const ReplicaStatusSchema = Type.Object({
  rank: Type.Integer(),
  state: Type.String({ description: "assigned, preparing, running, exited" }),
  message: nullable(Type.String()),
  cause: nullable(Type.String()),
  exitCode: nullable(Type.Integer()),
  startedAt: nullable(Milliseconds),
  finishedAt: nullable(Milliseconds),
  usage: nullable(UsageSchema),
  checkpointAt: Type.Optional(Type.Number({ description: "its newest acknowledged checkpoint, milliseconds since the Unix epoch" })),
  ports: Type.Optional(Type.Array(PublishedPortSchema, { description: "where its node answers for it" })),
  hardware: Type.Optional(
    Type.Object({ gpuUuid: nullable(Type.String()), why: Type.String() }, { description: "the machine is to blame for its end" }),
  ),
});

export const AssignmentSchema = Type.Object({
  rank: Type.Integer(),
  nodeId: Type.String(),
  nodeAddress: Type.String(),
  gpuUuids: Type.Array(Type.String(), { description: "GPUs, or MIG devices" }),
  gpuShare: Type.Optional(GpuShareSchema),
});

const AttemptSchema = Type.Object({
  epoch: Type.Integer({ minimum: 1 }),
  assignments: Type.Array(AssignmentSchema),
  replicas: Type.Array(ReplicaStatusSchema),
  assignedAt: Milliseconds,
  startedAt: nullable(Milliseconds),
  stopReason: nullable(Type.String()),
});

export const JobSchema = Type.Object(
  {
    id: Type.String(),
    spec: ResolvedSpecSchema,
    state: JobStateSchema,
    epoch: Type.Integer({ minimum: 0, description: "grows with every attempt; 0 before the first" }),
    version: Type.Integer(),
    user: Type.String(),
    submittedAt: Milliseconds,
    queuedAt: Milliseconds,
    startedAt: nullable(Milliseconds),
    finishedAt: nullable(Milliseconds),
    retriesUsed: Type.Integer(),
    failedStarts: Type.Optional(Type.Integer({ description: "attempts in a row that the machine kept from starting, not charged" })),
    movedAt: Type.Optional(Type.Number({ description: "when it was last moved so that another could start" })),
    preemptions: Type.Optional(Type.Integer({ description: "times it had to make room for another job" })),
    serviceMs: Type.Optional(Type.Number({ description: "milliseconds its earlier attempts ran in all" })),
    checkpointAt: Type.Optional(Type.Number({ description: "the newest checkpoint of its earlier attempts" })),
    attempt: nullable(AttemptSchema),
    avoid: Type.Optional(
      Type.Array(Type.Object({ nodeId: Type.String(), gpuUuid: nullable(Type.String()), why: Type.String(), at: Milliseconds }), {
        description: "hardware that failed it: its next attempts keep away while another place could run it",
      }),
    ),
    pendingReason: nullable(Type.String({ description: "why it waits, in words" })),
    promise: Type.Optional(
      Type.Object(
        { nodeIds: Type.Array(Type.String()), madeAt: Milliseconds, until: Milliseconds, moves: Type.Optional(Type.Boolean()) },
        { description: "nodes that are kept for it while others stop there" },
      ),
    ),
    outcome: nullable(
      Type.Object(
        { cause: Type.String(), exitCode: nullable(Type.Integer({ minimum: 0, maximum: 255 })), message: Type.String() },
        { description: "how it ended: what decided it, the exit code where a program ended, and words" },
      ),
    ),
    imageDigest: Type.Optional(Type.String({ description: "what its image's name meant when it was submitted: all replicas run it" })),
    imageArchitectures: Type.Optional(Type.Array(Type.String(), { description: "CPU architectures its image is made for" })),
    imageLayers: Type.Optional(
      Type.Array(Type.Object({ key: Type.String({ description: "the first 12 digits of its digest" }), sizeBytes: Type.Number() }), {
        description: "its image's large layers: nodes that hold them are preferred",
      }),
    ),
    imageRequirements: Type.Optional(
      Type.Array(Type.Array(Type.Array(ConditionSchema)), {
        description: "what its image requires of a GPU, as the registry tells: every one, any of its alternatives, all of that",
      }),
    ),
    array: Type.Optional(
      Type.Object(
        {
          waiting: Type.String({ description: "indexes of the tasks that have no job yet" }),
          dropped: Type.Integer({ description: "tasks cancelled before they had one" }),
          cancelledBy: Type.Optional(Type.String()),
          tasks: Type.Object(
            {
              pending: Type.Integer(),
              starting: Type.Integer(),
              running: Type.Integer(),
              stopping: Type.Integer(),
              succeeded: Type.Integer(),
              failed: Type.Integer(),
              cancelled: Type.Integer(),
            },
            { description: "the tasks that have a job, by its state" },
          ),
        },
        { description: "of an array as a whole" },
      ),
    ),
    task: Type.Optional(
      Type.Object({ arrayId: Type.String(), index: Type.Integer() }, { description: "the task of an array that this job is: 81_3" }),
    ),
  },
  { $id: "Job", title: "Job", description: "a training job and where it stands" },
);

export const JobListSchema = Type.Object({
  items: Type.Array(Type.Ref("Job#")),
  nextCursor: nullable(Type.String({ description: "pass as cursor for the next page; null on the last" })),
});

export const JobEventSchema = Type.Object(
  { id: Type.String(), jobId: Type.String(), epoch: Type.Integer(), at: Milliseconds, type: Type.String(), message: Type.String() },
  { $id: "JobEvent", title: "JobEvent", description: "one line of a job's history" },
);
export const JobEventListSchema = Type.Object({ items: Type.Array(Type.Ref("JobEvent#")) });

/** One piece of a replica's output, a line of NDJSON. `partial` pieces have no line end after them. */
export const LogEntrySchema = Type.Object(
  {
    rank: Type.Integer(),
    stream: Type.Union([Type.Literal("stdout"), Type.Literal("stderr"), Type.Literal("note")], {
      description: "note: Berth itself speaks",
    }),
    time: Type.String({ description: "RFC 3339, nanoseconds" }),
    text: Type.String(),
    partial: Type.Boolean(),
  },
  { $id: "LogEntry", title: "LogEntry" },
);
export type LogEntry = Static<typeof LogEntrySchema>;
