import { type Static, Type } from "typebox";

const closed = { additionalProperties: false } as const;
const Name = Type.String({
  pattern: "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
  description: "lower-case letters, digits and inner dashes, at most 63",
});
const Count = Type.Integer({ minimum: 0, maximum: 1_000_000 });

export const ProjectParamsSchema = Type.Object({ name: Name });
export type ProjectParams = Static<typeof ProjectParamsSchema>;

/** PUT /v1/projects/:name: what is left out goes back to its default. */
export const ProjectInputSchema = Type.Object(
  {
    weight: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000, default: 1, description: "its part among its siblings" })),
    parent: Type.Optional(Type.Union([Name, Type.Null()], { default: null })),
    quota: Type.Optional(
      Type.Object({ gpus: Type.Optional(Count) }, { ...closed, description: "GPUs that are its own whenever it asks; more is borrowed" }),
    ),
    limits: Type.Optional(
      Type.Object(
        {
          gpus: Type.Optional(Count),
          jobs: Type.Optional(Count),
          gpusPerUser: Type.Optional(Count),
          jobsPerUser: Type.Optional(Count),
        },
        { ...closed, description: "what may be held at a time, by the project and all below it; absent is no limit" },
      ),
    ),
  },
  closed,
);
export type ProjectInput = Static<typeof ProjectInputSchema>;

const Limit = Type.Union([Type.Integer(), Type.Null()]);
export const ProjectSchema = Type.Object(
  {
    name: Type.String(),
    weight: Type.Number(),
    parent: Type.Union([Type.String(), Type.Null()]),
    quotaGpus: Type.Integer(),
    limits: Type.Object({ gpus: Limit, jobs: Limit, gpusPerUser: Limit, jobsPerUser: Limit }),
    usage: Type.Number({ description: "part of the cluster x hours, halved every week" }),
  },
  { $id: "Project", title: "Project", description: "who shares the cluster with whom" },
);
export type ProjectView = Static<typeof ProjectSchema>;
export const ProjectListSchema = Type.Object({ items: Type.Array(Type.Ref("Project#")) });
