import type { FastifySchema } from "fastify";
import type { TSchema } from "typebox";

/**
 * Who may call a route: `public` anybody; `user` an API token; `operator` the local socket or the admin token (who may
 * also call what a user may); `node` a joined node: its credential and, over TLS, its certificate; `joined` its credential alone,
 * for a node that has no certificate yet or none any more.
 */
export type Access = "public" | "user" | "operator" | "node" | "joined";

export interface RouteDescription {
  access: Access;
  tag: "jobs" | "nodes" | "projects" | "reservations" | "tokens" | "service" | "agent";
  summary: string;
  description?: string;
  operationId: string;
  params?: TSchema;
  querystring?: TSchema;
  headers?: TSchema;
  body?: TSchema;
  consumes?: string[];
  /** Status -> schema, or status -> media type -> schema. */
  response: Record<number, TSchema | Record<string, TSchema>>;
  /** A body that does not fit is an invalid_job_spec instead of an invalid_request. */
  specBody?: boolean;
  /** Stays open: not counted as a slow request. */
  stream?: boolean;
}

const PROBLEM = { description: "an error (RFC 9457)", content: { "application/problem+json": { schema: { $ref: "Problem#" } } } };

/** One description for validation, access control and OpenAPI. */
export function route(description: RouteDescription) {
  const { access, tag, response, specBody, stream, ...rest } = description;
  const responses = Object.entries(response).map(([status, schema]) => [status, isSchema(schema) ? schema : mediaTypes(schema)]);
  const schema = {
    ...rest,
    tags: [tag],
    security: access === "public" ? [] : [{ [access === "node" || access === "joined" ? "nodeCredential" : "bearerToken"]: [] }],
    response: { ...Object.fromEntries(responses), default: PROBLEM },
  } as FastifySchema;
  return { schema, config: { access, specBody: specBody === true, stream: stream === true } };
}

function isSchema(value: TSchema | Record<string, TSchema>): value is TSchema {
  return !Object.keys(value).some((key) => key.includes("/"));
}

function mediaTypes(byType: Record<string, TSchema>) {
  return {
    description: Object.keys(byType).join(" or "),
    content: Object.fromEntries(Object.entries(byType).map(([type, schema]) => [type, { schema }])),
  };
}
