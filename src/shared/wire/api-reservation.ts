import { type Static, Type } from "typebox";
import { Milliseconds } from "./api-common.ts";
import { ProjectParamsSchema } from "./api-project.ts";

const Name = ProjectParamsSchema.properties.name;
const Names = Type.Array(Type.String({ minLength: 1, maxLength: 253 }), { maxItems: 10_000, uniqueItems: true });

export const ReservationParamsSchema = Type.Object({ name: Name });
export type ReservationParams = Static<typeof ReservationParamsSchema>;

/** POST /v1/reservations: either `nodes` or `count`. */
export const ReservationInputSchema = Type.Object(
  {
    name: Name,
    nodes: Type.Optional(Names),
    count: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, description: "so many ready nodes, those with the fewest jobs, chosen now" }),
    ),
    from: Milliseconds,
    to: Milliseconds,
    projects: Type.Optional(Type.Array(Name, { maxItems: 100, description: "whose jobs may use the nodes; none for maintenance" })),
  },
  { additionalProperties: false },
);
export type ReservationInput = Static<typeof ReservationInputSchema>;

export const ReservationSchema = Type.Object(
  {
    name: Type.String(),
    nodes: Type.Array(Type.String()),
    from: Milliseconds,
    to: Milliseconds,
    projects: Type.Array(Type.String(), { description: "whose jobs may use the nodes; none for maintenance" }),
  },
  { $id: "Reservation", title: "Reservation", description: "nodes that the operator keeps for a time" },
);
export type ReservationView = Static<typeof ReservationSchema>;
export const ReservationListSchema = Type.Object({ items: Type.Array(Type.Ref("Reservation#")) });
