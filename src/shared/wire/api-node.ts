import { type Static, Type } from "typebox";
import { NodeFactsSchema } from "./agent-protocol.ts";
import { Milliseconds, nullable } from "./api-common.ts";

const LabelKey = Type.String({
  pattern: "^[A-Za-z0-9]([-A-Za-z0-9_./]{0,126})$",
  description: "letters, digits, - _ . and /, at most 127, beginning with a letter or digit",
});
const LabelValue = Type.String({ maxLength: 256 });
const TaintSchema = Type.Object({ key: LabelKey, value: LabelValue }, { additionalProperties: false });

const NodeControlsSchema = Type.Object(
  {
    cordoned: Type.Boolean({ description: "nothing new is placed here" }),
    draining: Type.Boolean({ description: "cordoned for maintenance; what runs may finish" }),
    labels: Type.Record(Type.String(), Type.String()),
    taints: Type.Array(TaintSchema),
    quarantines: Type.Array(
      Type.Object({
        gpuUuid: nullable(Type.String()),
        reason: Type.String(),
        since: Milliseconds,
        diagnostic: Type.Optional(
          Type.Object(
            { failures: Type.Integer(), at: Milliseconds, failure: Type.String() },
            { description: "the newest diagnostic, which failed" },
          ),
        ),
      }),
      { description: "GPUs, or the whole node (null), that failed jobs too often" },
    ),
    releases: Type.Optional(
      Type.Array(Type.Object({ gpuUuid: nullable(Type.String()), at: Milliseconds, times: Type.Integer() }), {
        description: "quarantines that a diagnostic ended",
      }),
    ),
    charges: Type.Optional(
      Type.Array(Type.Object({ gpuUuid: nullable(Type.String()), why: Type.String(), at: Milliseconds, jobId: Type.String() }), {
        description: "failures of the last day that were blamed on it",
      }),
    ),
  },
  { description: "what operators and the failure ledger said; absent when nobody said anything" },
);

/** PATCH /v1/nodes/:id: only what is named changes. */
export const NodePatchSchema = Type.Object(
  {
    cordoned: Type.Optional(Type.Boolean()),
    draining: Type.Optional(Type.Boolean()),
    labels: Type.Optional(
      Type.Record(LabelKey, nullable(LabelValue), { additionalProperties: false, maxProperties: 64, description: "null removes one" }),
    ),
    addTaints: Type.Optional(Type.Array(TaintSchema, { maxItems: 32 })),
    removeTaints: Type.Optional(Type.Array(LabelKey, { maxItems: 32, description: "keys" })),
    evict: Type.Optional(
      Type.Boolean({ description: "with draining: what runs here makes room now, after a checkpoint, and keeps its place in the queue" }),
    ),
    release: Type.Optional(
      Type.Boolean({ description: "ends the quarantine of the node and its GPUs, and forgets what they are charged with" }),
    ),
  },
  { additionalProperties: false },
);
export type NodePatch = Static<typeof NodePatchSchema>;

export const NodeSchema = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    address: Type.String(),
    facts: NodeFactsSchema,
    incarnation: Type.String(),
    bootId: Type.String(),
    joinedAt: Milliseconds,
    lastSeenAt: Milliseconds,
    state: Type.Union([Type.Literal("ready"), Type.Literal("suspect"), Type.Literal("lost")]),
    controls: Type.Optional(NodeControlsSchema),
    allocated: Type.Object(
      {
        gpuUuids: Type.Array(Type.String(), { description: "GPUs and MIG devices, in whole or in part" }),
        gpuShares: Type.Optional(
          Type.Record(Type.String(), Type.Object({ millis: Type.Integer(), memoryBytes: Type.Number() }), {
            description: "GPU -> what the parts that jobs hold come to, thousandths and bytes",
          }),
        ),
        cpuMillis: Type.Integer(),
        memoryBytes: Type.Number(),
      },
      { description: "what jobs hold of it" },
    ),
  },
  { $id: "Node", title: "Node", description: "a machine with an agent" },
);
export const NodeListSchema = Type.Object({ items: Type.Array(Type.Ref("Node#")) });
