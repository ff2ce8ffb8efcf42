import type { FastifyInstance } from "fastify";
import { LIMITS } from "../../../shared/wire/index.ts";
import { parseYamlBody } from "./yaml-body.ts";

/** Media types YAML goes by (RFC 9512 and older habits). */
const YAML_TYPES = ["application/yaml", "application/x-yaml", "text/yaml"];

/** Lets the routes of this scope take YAML next to JSON; both end in the same schema. */
export function acceptYaml(scope: FastifyInstance): void {
  scope.addContentTypeParser(YAML_TYPES, { parseAs: "string", bodyLimit: LIMITS.specBytes }, async (_request: unknown, body: string) =>
    parseYamlBody(body),
  );
}
