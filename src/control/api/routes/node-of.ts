import type { FastifyRequest } from "fastify";
import { BerthError } from "../../../shared/domain/index.ts";

/** The node that a request of an agent route comes from. @throws BerthError unauthorized */
export function nodeOf(request: FastifyRequest): string {
  if (request.identity.kind !== "node") throw new BerthError("unauthorized", "this route needs a node's credential");
  return request.identity.nodeId;
}
