import { type Static, Type } from "typebox";

/** An error answer, RFC 9457 (application/problem+json) with the catalogue's code. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: "urn:berth:error:CODE" }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: "what happened, with the value" }),
    code: Type.String({ description: "stable, for programs: job_not_found" }),
    hint: Type.String({ description: "what to do about it" }),
    retryable: Type.Boolean(),
    errors: Type.Optional(
      Type.Array(
        Type.Object({ field: Type.String({ description: "JSON pointer into the request: /resources/gpus" }), message: Type.String() }),
      ),
    ),
    size: Type.Optional(Type.Integer({ minimum: 0, description: "with log_offset_mismatch: send from here" })),
  },
  { $id: "Problem", title: "Problem", description: "an error answer (RFC 9457)" },
);
export type Problem = Static<typeof ProblemSchema>;
