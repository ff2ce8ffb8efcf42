import type { FastifyReply } from "fastify";
import { BerthError } from "../../../shared/domain/index.ts";

/** Bounds how many answers may stay open at a time. */
export interface Followers {
  /**
   * A place for one stream. `signal` aborts when the client is gone or the control plane stops.
   * @throws BerthError rate_limited
   */
  enter(reply: FastifyReply): AbortSignal;
}

/** `onCount` is told how many are open, at every change. */
export function createFollowers(limit: number, stopping: AbortSignal, onCount: (open: number) => void): Followers {
  let open = 0;
  return {
    enter: (reply) => {
      if (open >= limit) throw new BerthError("rate_limited", `${limit} streams are open already`);
      open += 1;
      onCount(open);
      const gone = new AbortController();
      reply.raw.once("close", () => {
        open -= 1;
        onCount(open);
        gone.abort();
      });
      return AbortSignal.any([gone.signal, stopping]);
    },
  };
}
