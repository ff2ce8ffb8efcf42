import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";

/**
 * Answers with what the source gives, as it comes. The headers go out now and not with the first byte: that may be hours
 * away, and a client that waits for headers would give up. No hook may change the answer after `send`, so it is safe here.
 */
export function sendStream(reply: FastifyReply, mediaType: string, source: AsyncIterable<string | Buffer>): FastifyReply {
  void reply.type(mediaType).send(Readable.from(source));
  reply.raw.flushHeaders();
  return reply;
}
