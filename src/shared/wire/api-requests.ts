import { type Static, Type } from "typebox";

/** Query strings, path parameters and headers of the routes under /v1. */
const closed = { additionalProperties: false } as const;
const Flag = Type.Boolean({ default: false });

/** Ids are digits; a name is an RFC 1123 label and means the newest job of that name. */
export const JobParamsSchema = Type.Object({
  id: Type.String({
    pattern: "^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?|[0-9]{1,15}_[0-9]{1,10})$",
    description: "id, name of the newest such job, or 81_3 for a task of array 81",
  }),
});
export type JobParams = Static<typeof JobParamsSchema>;

/** Which tasks of an array are meant; left out: all of them. */
export const TaskSelectionSchema = Type.Object(
  { tasks: Type.Optional(Type.String({ minLength: 1, maxLength: 65_536, description: "of an array: 0-4, or 1,5,10-20" })) },
  closed,
);
export type TaskSelection = Static<typeof TaskSelectionSchema>;

export const NodeParamsSchema = Type.Object({ id: Type.String({ minLength: 1, maxLength: 128, description: "id or name" }) });
export type NodeParams = Static<typeof NodeParamsSchema>;

export const JobQuerySchema = Type.Object(
  {
    state: Type.Optional(
      Type.Array(Type.String({ pattern: "^[a-z,]{1,100}$" }), {
        maxItems: 7,
        description: "pending, starting, running, stopping, succeeded, failed, cancelled; repeat it, or separate by commas, for several",
      }),
    ),
    project: Type.Optional(Type.String({ maxLength: 63 })),
    name: Type.Optional(Type.String({ maxLength: 63 })),
    label: Type.Optional(
      Type.Array(Type.String({ maxLength: 400, pattern: "^[^=]+=.*$" }), { maxItems: 16, description: "key=value; every one must match" }),
    ),
    user: Type.Optional(Type.String({ maxLength: 128 })),
    array: Type.Optional(Type.String({ pattern: "^[0-9]{1,15}$", description: "only the tasks of this array" })),
    tasks: Type.Optional(
      Type.Boolean({ default: false, description: "also tasks that wait or have ended, for which their array's own job stands otherwise" }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
    cursor: Type.Optional(Type.String({ maxLength: 256, description: "nextCursor of the page before" })),
  },
  closed,
);
export type JobQuery = Static<typeof JobQuerySchema>;

export const LogsQuerySchema = Type.Object(
  {
    follow: Type.Optional(Flag),
    rank: Type.Optional(Type.Integer({ minimum: 0, maximum: 1023, description: "one replica; default: all" })),
    epoch: Type.Optional(Type.Integer({ minimum: 1, description: "one attempt; default: the newest" })),
    tail: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, description: "last lines of each replica" })),
    since: Type.Optional(Type.String({ maxLength: 40, description: "RFC 3339 time, or a duration before now: 10m" })),
    timestamps: Type.Optional(Flag),
  },
  closed,
);
export type LogsQuery = Static<typeof LogsQuerySchema>;

export const EventsQuerySchema = Type.Object({ follow: Type.Optional(Flag) }, closed);
export type EventsQuery = Static<typeof EventsQuerySchema>;

export const IdempotencyHeadersSchema = Type.Object({
  "idempotency-key": Type.Optional(
    Type.String({ pattern: "^[\\x21-\\x7e]{1,255}$", description: "the same key with the same body gives the same job" }),
  ),
});
export type IdempotencyHeaders = Static<typeof IdempotencyHeadersSchema>;

export const TokenRequestSchema = Type.Object(
  {
    kind: Type.Union([Type.Literal("join"), Type.Literal("api")], { description: "join: adds one node; api: uses the job API" }),
    ttlSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 366 * 86_400, description: "default: 600 for join, 30 days for api" })),
  },
  closed,
);
export type TokenRequest = Static<typeof TokenRequestSchema>;

export const TokenResponseSchema = Type.Object({
  token: Type.String(),
  expiresAt: Type.Number({ description: "milliseconds since the Unix epoch" }),
});

export const VersionSchema = Type.Object({
  version: Type.String(),
  apiVersion: Type.Literal("v1"),
  agentProtocol: Type.Integer(),
  node: Type.String({ description: "Node.js version" }),
});

export const HealthSchema = Type.Object({ status: Type.String() });

export const LogPushParamsSchema = Type.Object({
  job: Type.String({ pattern: "^[1-9][0-9]{0,15}$" }),
  epoch: Type.Integer({ minimum: 1, maximum: 2 ** 31 }),
  rank: Type.Integer({ minimum: 0, maximum: 1023 }),
});
export type LogPushParams = Static<typeof LogPushParamsSchema>;

export const LogPushQuerySchema = Type.Object(
  {
    offset: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    final: Type.Optional(Type.Boolean({ description: "true: the log ends with these bytes" })),
  },
  closed,
);
export type LogPushQuery = Static<typeof LogPushQuerySchema>;
