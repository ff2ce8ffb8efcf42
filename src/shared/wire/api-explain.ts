import { type Static, Type } from "typebox";
import { nullable } from "./api-common.ts";
import { AssignmentSchema } from "./api-job.ts";

const PlacesSchema = Type.Array(AssignmentSchema);

const ChangeSchema = Type.Object({
  field: Type.String({ description: "resources.gpus, replicas, rules.nodeSelector, ..." }),
  value: Type.Union([Type.Number(), Type.String(), Type.Null()], {
    description: "null: without it; a timeLimit in milliseconds; a text for a GPU model, or key=value of a nodeSelector",
  }),
  words: Type.String({ description: "as a person would write it: --gpus 3" }),
});

/** Answer of GET /v1/jobs/:id/explain and POST /v1/plan. */
export const ExplanationSchema = Type.Object(
  {
    jobId: nullable(Type.String({ description: "null for a plan" })),
    state: Type.String({ description: "of the job; planned for a plan" }),
    assignments: nullable(PlacesSchema),
    reason: nullable(Type.String({ description: "why it waits, in one line; null when it starts or has started" })),
    proof: nullable(Type.String({ description: "every node, by what it lacks" })),
    nodes: Type.Integer(),
    roomForReplicas: Type.Integer(),
    blocked: Type.Array(
      Type.Object({ kind: Type.String(), nodes: Type.Integer(), detail: Type.String(), examples: Type.Array(Type.String()) }),
    ),
    start: nullable(
      Type.Object(
        { p50: Type.Number(), p90: Type.Number() },
        { description: "when it starts with even chances, and nine times in ten; milliseconds since the Unix epoch" },
      ),
    ),
    startUnknown: nullable(Type.String({ description: "why there is no estimate; null when there is one, or it does not wait" })),
    pullBytes: Type.Optional(
      nullable(Type.Number({ description: "most that a node it starts on must fetch of its image first; null when that is not known" })),
    ),
    image: Type.Optional(
      Type.Object(
        {
          digest: nullable(Type.String()),
          architectures: Type.Array(Type.String()),
          note: nullable(
            Type.String({ description: "what it requires, or why that could not be read and what is taken for granted then" }),
          ),
        },
        { description: "what its registry says of the image; only of a plan, absent when it was not asked" },
      ),
    ),
    changes: Type.Array(ChangeSchema, { description: "single changes that start it now, each verified; the cheapest first" }),
  },
  { $id: "Explanation", title: "Explanation", description: "why a job waits, or where it starts" },
);
export type ExplanationView = Static<typeof ExplanationSchema>;
