import { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import { BerthError } from "../../../shared/domain/index.ts";

/**
 * The request's body as it comes in. Whoever stops reading it ends this stream, not the connection: the answer that says why goes by it.
 * @throws BerthError invalid_request without a body, or with one that was parsed as something else
 */
export function bodyStream(request: FastifyRequest): Readable {
  if (request.body instanceof Readable) return Readable.from(leaving(request.body), { objectMode: false });
  throw new BerthError("invalid_request", "send the tar as the body, with content-type application/x-tar");
}

/** Without a `throw`: by that a stream that is destroyed early would destroy its source whatever `destroyOnReturn` says. */
function leaving(body: Readable): AsyncIterable<Buffer> {
  const chunks = body.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  const end = async (): Promise<IteratorResult<Buffer>> => (await chunks.return?.()) ?? { done: true, value: undefined };
  return { [Symbol.asyncIterator]: () => ({ next: () => chunks.next(), return: end }) };
}
