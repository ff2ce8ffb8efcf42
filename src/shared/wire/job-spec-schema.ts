import { type Static, Type } from "typebox";
import { LIMITS } from "./limits.ts";

/**
 * What a person writes in job.yaml or sends to POST /v1/jobs. One source for validation, OpenAPI, the editor's
 * JSON schema and the type. Units are read by `resolveJobSpec`.
 */
const closed = { additionalProperties: false } as const;
const Label = Type.String({
  pattern: "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
  description: "lower-case letters, digits and inner dashes, at most 63",
});
const Size = Type.Union([Type.String({ maxLength: 32 }), Type.Integer({ minimum: 0 })], {
  description: "bytes: 512Mi, 8Gi (powers of two) or 8G (powers of ten)",
});
const Duration = Type.Union([Type.String({ maxLength: 32 }), Type.Integer({ minimum: 0 })], {
  description: "90s, 2h30m, 1-12:00:00 (days-hours:minutes:seconds), or a number of seconds",
});
const LabelKey = Type.String({
  pattern: "^[A-Za-z0-9]([-A-Za-z0-9_./]{0,126})$",
  description: "letters, digits, - _ . and /, at most 127, beginning with a letter or digit",
});
const LabelValue = Type.String({ maxLength: 256 });
const Versions = (example: string) =>
  Type.String({
    pattern: "^ ?(>=|<=|!=|>|<|=)? ?\\d{1,5}(\\.\\d{1,5}){0,3}( ?, ?(>=|<=|!=|>|<|=) ?\\d{1,5}(\\.\\d{1,5}){0,3}){0,3} ?$",
    maxLength: 100,
    description: `${example}; several conditions by commas; a bare version is >=`,
  });
const CHECKPOINT_SIGNALS = ["SIGUSR1", "SIGUSR2", "SIGHUP", "SIGINT"] as const;
const Argument = Type.String({ maxLength: LIMITS.argumentBytes });

export const ResourcesSchema = Type.Object(
  {
    gpus: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: LIMITS.gpusPerReplica,
        description: "whole ones, or a part of one (0.5) beside other jobs of the project (default: 0); with mig, devices (default: 1)",
      }),
    ),
    gpuModel: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: "part of the GPU's name, any case: h100" })),
    gpuMemory: Type.Optional(
      Type.Union([Type.String({ maxLength: 64 }), Type.Integer({ minimum: 0 })], {
        description: "of each GPU: 24Gi is at least that; 24GB..80GB a range, open at either end; with a part of a GPU, what it takes",
      }),
    ),
    gpuSharing: Type.Optional(
      Type.Union([Type.Literal("time-slice"), Type.Literal("mps")], {
        description: "how a part of a GPU is shared (default: time-slice): in turns, or at once through NVIDIA MPS with its limits",
      }),
    ),
    mig: Type.Optional(
      Type.String({
        pattern: "^([1-7]c\\.)?[1-7]g\\.[1-9]\\d{0,2}gb([+-][a-z.]{1,8}){0,3}$",
        description: "MIG devices of this profile in place of GPUs: 1g.10gb",
      }),
    ),
    computeCapability: Type.Optional(Versions(">=8.0")),
    driver: Type.Optional(Versions(">=550")),
    cuda: Type.Optional(Versions(">=12.4")),
    cpus: Type.Optional(Type.Union([Type.String({ maxLength: 16 }), Type.Number({ minimum: 0 })], { description: "2, 0.5 or 500m" })),
    memory: Type.Optional(Size),
    shm: Type.Optional(Size),
    storage: Type.Optional(Size),
    disk: Type.Optional(Size),
  },
  { ...closed, description: "what each replica needs" },
);

export const MountSchema = Type.Object(
  {
    type: Type.Optional(Type.Union([Type.Literal("volume"), Type.Literal("bind")], { default: "volume" })),
    source: Type.String({ minLength: 1, maxLength: 4096, description: "volume name, or absolute host path with type: bind" }),
    target: Type.String({ pattern: "^/", maxLength: 4096, description: "absolute path in the container" }),
    readOnly: Type.Optional(Type.Boolean({ default: false })),
  },
  closed,
);

export const PlacementSchema = Type.Object(
  {
    architecture: Type.Optional(Type.String({ pattern: "^[a-z0-9_]{1,32}$", description: "amd64 or arm64" })),
    nodeSelector: Type.Optional(
      Type.Record(LabelKey, LabelValue, { ...closed, maxProperties: LIMITS.labels, description: "labels a node must have" }),
    ),
    tolerations: Type.Optional(
      Type.Array(Type.Object({ key: LabelKey, value: Type.Optional(LabelValue) }, closed), {
        maxItems: 32,
        description: "taints the job puts up with; without a value every value of the key",
      }),
    ),
    excludeNodes: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { maxItems: 256 })),
    maxPerNode: Type.Optional(Type.Integer({ minimum: 1, maximum: LIMITS.replicas, description: "most replicas on one node" })),
    together: Type.Optional(Type.String({ ...LabelKey, description: "label: all replicas on nodes with one value of it (rack, switch)" })),
    spread: Type.Optional(Type.String({ ...LabelKey, description: "label: replicas spread evenly over its values" })),
  },
  { ...closed, description: "which nodes, and how the replicas lie on them" },
);

export const JobSpecSchema = Type.Object(
  {
    name: Label,
    image: Type.String({ minLength: 1, maxLength: 512 }),
    pull: Type.Optional(
      Type.Union([Type.Literal("always"), Type.Literal("missing"), Type.Literal("never")], {
        description:
          "when a node asks the image's registry (default: always for the tag latest of a named registry, else when it is missing)",
      }),
    ),
    command: Type.Optional(
      Type.Array(Argument, { minItems: 1, maxItems: LIMITS.arguments, description: "replaces the image's ENTRYPOINT" }),
    ),
    args: Type.Optional(Type.Array(Argument, { maxItems: LIMITS.arguments, description: "replaces the image's CMD" })),
    env: Type.Optional(
      Type.Record(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,255}$" }), Type.String({ maxLength: LIMITS.envValueBytes }), {
        ...closed,
        maxProperties: LIMITS.envEntries,
      }),
    ),
    workdir: Type.Optional(Type.String({ pattern: "^/", maxLength: 4096, description: "absolute path in the container" })),
    resources: Type.Optional(ResourcesSchema),
    replicas: Type.Optional(
      Type.Union(
        [
          Type.Integer({ minimum: 1, maximum: LIMITS.replicas }),
          Type.Object(
            {
              min: Type.Integer({ minimum: 1, maximum: LIMITS.replicas }),
              max: Type.Integer({ minimum: 1, maximum: LIMITS.replicas }),
            },
            closed,
          ),
        ],
        {
          description:
            "containers that start together or not at all (default: 1); {min, max}: as many as fit when it starts, for jobs that read WORLD_SIZE",
        },
      ),
    ),
    placement: Type.Optional(PlacementSchema),
    array: Type.Optional(
      Type.Union([Type.String({ maxLength: LIMITS.argumentBytes }), Type.Integer({ minimum: 0 })], {
        description: "one task for each index: 0-99, 1,5,10-20, 0-99:2; %10 after it runs at most 10 at a time",
      }),
    ),
    checkpoint: Type.Optional(
      Type.Object(
        {
          signal: Type.Optional(
            Type.Union(
              CHECKPOINT_SIGNALS.map((signal) => Type.Literal(signal)),
              { default: "SIGUSR1" },
            ),
          ),
          grace: Type.Optional(Duration),
          interval: Type.Optional(Duration),
        },
        {
          ...closed,
          description:
            "a signal asks for a checkpoint: grace (default 5m) before the job must make room, and every interval; it touches $BERTH_CHECKPOINT_ACK when done",
        },
      ),
    ),
    priority: Type.Optional(Type.Integer({ minimum: -1000, maximum: 1000, default: 0 })),
    project: Type.Optional(Label),
    timeLimit: Type.Optional(Duration),
    stopGrace: Type.Optional(Duration),
    retries: Type.Optional(Type.Integer({ minimum: 0, maximum: LIMITS.retries, default: 0 })),
    mounts: Type.Optional(Type.Array(MountSchema, { maxItems: LIMITS.mounts })),
    volumes: Type.Optional(
      Type.Record(Type.String({ pattern: "^[a-z0-9][-_.a-z0-9]{0,62}$" }), Type.String({ pattern: "^/", maxLength: 4096 }), {
        ...closed,
        maxProperties: LIMITS.mounts,
        description: "short form of mounts: {checkpoints: /checkpoints}",
      }),
    ),
    network: Type.Optional(
      Type.Union([Type.Literal("bridge"), Type.Literal("host"), Type.Literal("none")], {
        description: "default: bridge; host for more than one replica, so that the ranks reach each other",
      }),
    ),
    ports: Type.Optional(
      Type.Array(Type.Union([Type.String({ maxLength: 16 }), Type.Integer({ minimum: 1, maximum: 65_535 })]), {
        maxItems: LIMITS.ports,
        description: "ports of the container that its node answers on: 8080:80, 53:53/udp; 6006 alone takes a free port of the node",
      }),
    ),
    userns: Type.Optional(
      Type.Union([Type.Literal("private"), Type.Literal("host")], {
        description: "user namespace: one of its own, whose root is nobody on the node, or the node's; default: as the node is set up",
      }),
    ),
    labels: Type.Optional(
      Type.Record(Type.String({ pattern: "^[A-Za-z0-9]([-A-Za-z0-9_./]{0,126})$" }), Type.String({ maxLength: 256 }), {
        ...closed,
        maxProperties: LIMITS.labels,
      }),
    ),
  },
  { ...closed, $id: "JobSpec", title: "Berth job", description: "a training job" },
);

export type JobSpecInput = Static<typeof JobSpecSchema>;
