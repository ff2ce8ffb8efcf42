import { type Static, Type } from "typebox";
import { DIGEST_PATTERN } from "../domain/index.ts";

/**
 * What an agent and the control plane say to each other. The agent calls out; every sync is the full state, so a
 * lost or repeated message changes nothing.
 *
 *   POST /agent/v1/join   {token, ...}     -> {nodeId, credential}      once; the credential authorises the rest
 *   POST /agent/v1/certificate  {request}  -> {certificate, ca}         with the credential; over TLS the rest needs both
 *   POST /agent/v1/blobs/claim  {digest}    -> who has it, or that this node fetches it; /held tells what it has
 *   POST /agent/v1/sync   SyncRequest      -> SyncResponse              every few seconds, and at every change
 *   GET  /agent/v1/wake                    -> one JSON line per nudge   (and every 10 s, as a sign of life): sync now
 *   POST /agent/v1/logs/{job}/{epoch}/{rank}?offset=BYTES  octets -> {size}; 409 log_offset_mismatch {size}
 *
 * A lease ends at `sentAt + leaseSeconds` on the agent's own boot-time clock: the control plane only echoes what
 * the agent sent, so no delay on the way can make a lease longer than the control plane believes.
 */
export const AGENT_PROTOCOL_VERSION = 1;

const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const Milliseconds = Type.Number();
const Id = Type.String({ minLength: 1, maxLength: 128 });

const NvlinkPeerSchema = Type.Object({
  kind: Type.Union([Type.Literal("gpu"), Type.Literal("switch"), Type.Literal("other")]),
  pciBusId: Type.String(),
  links: Type.Integer(),
});

const MigSchema = Type.Object({
  enabled: Type.Boolean(),
  devices: Type.Array(
    Type.Object({
      uuid: Id,
      gpuInstance: Type.Integer(),
      computeInstance: Type.Integer(),
      profile: Type.String(),
      memoryBytes: Type.Number(),
    }),
    { maxItems: 64 },
  ),
});

export const GpuSchema = Type.Object({
  uuid: Id,
  index: Type.Integer(),
  minor: Type.Integer(),
  pciBusId: Type.String(),
  model: Type.String(),
  memoryBytes: Type.Number(),
  computeCapability: nullable(Type.String()),
  healthy: Type.Boolean(),
  problem: nullable(Type.String()),
  numaNode: nullable(Type.Integer()),
  nvlinks: Type.Array(NvlinkPeerSchema, { maxItems: 64 }),
  mig: nullable(MigSchema),
});

export const NodeFactsSchema = Type.Object({
  hostname: Type.String(),
  os: Type.String(),
  kernel: Type.String(),
  architecture: Type.String(),
  cpus: Type.Integer(),
  memoryBytes: Type.Number(),
  diskFreeBytes: Type.Number(),
  diskTotalBytes: Type.Number(),
  cgroupMode: Type.Union([Type.Literal("v1"), Type.Literal("v2"), Type.Literal("hybrid")]),
  runtime: Type.String(),
  berthVersion: Type.String(),
  driverVersion: nullable(Type.String()),
  cudaVersion: nullable(Type.String()),
  gpus: Type.Array(GpuSchema, { maxItems: 64 }),
  simulatedGpus: Type.Boolean(),
  mps: Type.Optional(Type.Boolean({ description: "whether NVIDIA MPS is there to share its GPUs" })),
  userns: Type.Optional(
    Type.Object(
      {
        modes: Type.Array(Type.Union([Type.Literal("private"), Type.Literal("host")]), { maxItems: 2 }),
        layers: nullable(Type.Union([Type.Literal("idmapped"), Type.Literal("chowned")])),
      },
      { description: "user namespaces that its containers may have, and how image layers get their ids in a private one" },
    ),
  ),
  imageLayers: Type.Optional(
    Type.Array(Type.String({ pattern: "^[a-f0-9]{12}$" }), {
      maxItems: 128,
      description: "large image layers it holds, by the first digits of the digest",
    }),
  ),
  labels: Type.Optional(
    Type.Record(Type.String({ pattern: "^[A-Za-z0-9]([-A-Za-z0-9_./]{0,126})$" }), Type.String({ maxLength: 256 }), { maxProperties: 64 }),
  ),
});

/** The part of one GPU that a replica holds. */
export const GpuShareSchema = Type.Object({
  millis: Type.Integer({ minimum: 1, maximum: 999, description: "thousandths of the GPU" }),
  memoryBytes: Type.Number(),
  gpuMemoryBytes: Type.Number({ description: "all of the GPU's memory" }),
  sharing: Type.Union([Type.Literal("time-slice"), Type.Literal("mps")]),
  acrossProjects: Type.Optional(Type.Literal(true)),
});

/** A port of a container at a port of its node; `hostPort` null is one that the node chooses. */
export const PublishedPortSchema = Type.Object({
  containerPort: Type.Integer({ minimum: 1, maximum: 65_535 }),
  hostPort: nullable(Type.Integer({ minimum: 1, maximum: 65_535 })),
  protocol: Type.Union([Type.Literal("tcp"), Type.Literal("udp")]),
});

const UsageSchema = Type.Object({
  cpuSeconds: Type.Number(),
  peakMemoryBytes: nullable(Type.Number()),
  peakGpuMemoryBytes: nullable(Type.Number()),
});

const ExitCauseSchema = Type.Union([
  Type.Literal("exited"),
  Type.Literal("signal"),
  Type.Literal("oom"),
  Type.Literal("time-limit"),
  Type.Literal("stopped"),
  Type.Literal("start-failed"),
  Type.Literal("lost"),
  Type.Literal("lease-expired"),
]);

/** What the agent knows of one replica it has, running or ended. Ended ones stay until the control plane forgets them. */
export const ReplicaReportSchema = Type.Object({
  jobId: Id,
  epoch: Type.Integer({ minimum: 1 }),
  rank: Type.Integer({ minimum: 0 }),
  state: Type.Union([Type.Literal("preparing"), Type.Literal("running"), Type.Literal("exited")]),
  message: nullable(Type.String({ maxLength: 8192 })),
  cause: nullable(ExitCauseSchema),
  exitCode: nullable(Type.Integer({ minimum: 0, maximum: 255 })),
  startedAt: nullable(Milliseconds),
  finishedAt: nullable(Milliseconds),
  usage: nullable(UsageSchema),
  /** Wall clock of its newest acknowledged checkpoint; absent without any. */
  checkpointAt: Type.Optional(Milliseconds),
  /** Where the node answers for it. */
  ports: Type.Optional(Type.Array(PublishedPortSchema, { maxItems: 64 })),
});
export type ReplicaReport = Static<typeof ReplicaReportSchema>;

const quarantineKey = {
  /** Null: the whole node. */
  gpuUuid: nullable(Id),
  /** When the quarantine began, by the control plane's clock: tells it from another of the same GPU. */
  since: Milliseconds,
  attempt: Type.Integer({ minimum: 1 }),
};

/** A quarantined GPU (or node) is to be looked at. Asked in every answer until a result has come. */
export const DiagnosticRequestSchema = Type.Object(quarantineKey);
export type DiagnosticRequest = Static<typeof DiagnosticRequestSchema>;

/** `failure` null: nothing speaks against it any more. */
export const DiagnosticResultSchema = Type.Object({ ...quarantineKey, failure: nullable(Type.String({ maxLength: 2048 })) });
export type DiagnosticResult = Static<typeof DiagnosticResultSchema>;

export const JoinRequestSchema = Type.Object({
  token: Type.String({ minLength: 1, maxLength: 512 }),
  name: Type.String({ pattern: "^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$" }),
});
export type JoinRequest = Static<typeof JoinRequestSchema>;

export const JoinResponseSchema = Type.Object({ nodeId: Id, credential: Type.String() });
export type JoinResponse = Static<typeof JoinResponseSchema>;

/** PEM: a PKCS #10 request; the node's certificate and the cluster's CA. */
export const CertificateRequestSchema = Type.Object({ request: Type.String({ minLength: 1, maxLength: 8192 }) });
export type CertificateRequest = Static<typeof CertificateRequestSchema>;
export const CertificateResponseSchema = Type.Object({ certificate: Type.String(), ca: Type.String() });
export type CertificateResponse = Static<typeof CertificateResponseSchema>;

const Digest = Type.String({ pattern: DIGEST_PATTERN });
/** IP:PORT at which a node serves its peers: an address, never a name to be resolved. */
const PeerAddress = Type.String({ pattern: "^(\\[[0-9a-fA-F:.]{2,45}\\]|[0-9.]{7,15}):[0-9]{1,5}$" });
/** `distance` from the asking node: 0 its rack, 1 its switch, 2 anywhere else. */
const PeerSchema = Type.Object({
  nodeId: Id,
  address: PeerAddress,
  distance: Type.Optional(Type.Integer({ minimum: 0, maximum: 9 })),
});

/** `exhausted`: the holders that were named could not give it. */
export const BlobClaimRequestSchema = Type.Object({ digest: Digest, address: PeerAddress, exhausted: Type.Boolean() });
export type BlobClaimRequest = Static<typeof BlobClaimRequestSchema>;
/** `origin`: this node asks the registry, and claims again every few seconds while it does. `fetcher` does so at this moment. */
export const BlobClaimResponseSchema = Type.Object({
  origin: Type.Boolean(),
  holders: Type.Array(PeerSchema, { maxItems: 64 }),
  fetcher: nullable(PeerSchema),
});
export type BlobClaimResponse = Static<typeof BlobClaimResponseSchema>;
export const BlobHoldRequestSchema = Type.Object({
  address: PeerAddress,
  held: Type.Array(Digest, { maxItems: 1000 }),
  dropped: Type.Array(Digest, { maxItems: 100 }),
});
export type BlobHoldRequest = Static<typeof BlobHoldRequestSchema>;

export const SyncRequestSchema = Type.Object({
  protocol: Type.Integer(),
  nodeId: Id,
  incarnation: Id,
  bootId: Id,
  /** Agent's boot-time clock (CLOCK_BOOTTIME), milliseconds. Opaque to the control plane, which echoes it. */
  sentAt: Milliseconds,
  address: Type.String(),
  facts: NodeFactsSchema,
  replicas: Type.Array(ReplicaReportSchema),
  diagnostics: Type.Optional(Type.Array(DiagnosticResultSchema, { maxItems: 65 })),
});
export type SyncRequest = Static<typeof SyncRequestSchema>;

const AgentMountSchema = Type.Object({
  type: Type.Union([Type.Literal("volume"), Type.Literal("bind")]),
  source: Type.String(),
  target: Type.String(),
  readOnly: Type.Boolean(),
});

/** All the agent needs to run one replica. */
export const ReplicaSpecSchema = Type.Object({
  jobName: Type.String(),
  project: Type.String(),
  image: Type.String(),
  /** What `image` stands for, the same for all replicas; absent leaves it to the node. */
  imageDigest: Type.Optional(Digest),
  pull: Type.Optional(Type.Union([Type.Literal("always"), Type.Literal("missing"), Type.Literal("never")])),
  command: nullable(Type.Array(Type.String())),
  args: nullable(Type.Array(Type.String())),
  /** The job's own env plus RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT and BERTH_*. */
  env: Type.Record(Type.String(), Type.String()),
  workdir: nullable(Type.String()),
  /** GPUs, or MIG devices. */
  gpuUuids: Type.Array(Type.String()),
  /** Of the one GPU; absent when it has all of each. */
  gpuShare: Type.Optional(GpuShareSchema),
  cpuMillis: Type.Integer(),
  memoryBytes: Type.Number(),
  shmBytes: nullable(Type.Number()),
  /** Most that the replica may write into its root. */
  storageBytes: Type.Optional(Type.Number()),
  timeLimitSeconds: nullable(Type.Number()),
  stopGraceSeconds: Type.Number(),
  mounts: Type.Array(AgentMountSchema),
  network: Type.Union([Type.Literal("bridge"), Type.Literal("host"), Type.Literal("none")]),
  ports: Type.Optional(Type.Array(PublishedPortSchema)),
  /** Absent as the node is set up. */
  userns: Type.Optional(Type.Union([Type.Literal("private"), Type.Literal("host")])),
  /** Absent when it writes none. */
  checkpoint: Type.Optional(Type.Object({ signal: Type.String(), graceSeconds: Type.Number(), intervalSeconds: nullable(Type.Number()) })),
});
export type ReplicaSpec = Static<typeof ReplicaSpecSchema>;

/** One replica the control plane wants on this node. Whatever the agent has beyond these it stops and removes. */
export const DesiredReplicaSchema = Type.Object({
  jobId: Id,
  epoch: Type.Integer({ minimum: 1 }),
  rank: Type.Integer({ minimum: 0 }),
  /** "stop": SIGTERM, grace, SIGKILL, then report `exited`. */
  action: Type.Union([Type.Literal("run"), Type.Literal("stop")]),
  /** With "stop": its checkpoint is asked for first, and waited for within its grace. */
  checkpointFirst: Type.Optional(Type.Boolean()),
  spec: ReplicaSpecSchema,
});
export type DesiredReplica = Static<typeof DesiredReplicaSchema>;

export const SyncResponseSchema = Type.Object({
  /** The request's sentAt. */
  echo: Milliseconds,
  leaseSeconds: Type.Number(),
  /** Seconds until the next sync when nothing happens. */
  intervalSeconds: Type.Number(),
  desired: Type.Array(DesiredReplicaSchema),
  diagnose: Type.Optional(Type.Array(DiagnosticRequestSchema)),
});
export type SyncResponse = Static<typeof SyncResponseSchema>;

export const LogPushResponseSchema = Type.Object({ size: Type.Integer({ minimum: 0 }) });
