import { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import { BerthError } from "../../../shared/domain/index.ts";

/**
 * The request's body as it comes in.
 * @throws BerthError invalid_request without a body, or with one that was parsed as something else
 */
export function bodyStream(request: FastifyRequest): Readable {
  if (request.body instanceof Readable) return request.body;
  throw new BerthError("invalid_request", "send the tar as the body, with content-type application/x-tar");
}
