import { Type } from "typebox";
import { NodeFactsSchema } from "./agent-protocol.ts";
import { Milliseconds } from "./api-common.ts";

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
    allocated: Type.Object(
      { gpuUuids: Type.Array(Type.String()), cpuMillis: Type.Integer(), memoryBytes: Type.Number() },
      { description: "what jobs hold of it" },
    ),
  },
  { $id: "Node", title: "Node", description: "a machine with an agent" },
);
export const NodeListSchema = Type.Object({ items: Type.Array(Type.Ref("Node#")) });
