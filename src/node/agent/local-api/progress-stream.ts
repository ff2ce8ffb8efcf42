import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import type { FastifyReply } from "fastify";
import { isBerthError } from "../../../shared/domain/index.ts";
import type { Logger } from "../../../shared/observe/index.ts";
import type { Progress } from "../../images/index.ts";
import { problemOf } from "./problem.ts";

/** Past this a reader is too slow: progress is dropped, never the last line. */
const UNREAD_BYTES = 1024 * 1024;

/**
 * Answers with NDJSON: progress lines while `work` runs, then `{"result":...}` or `{"error":<problem>}`. The status is 200
 * before the outcome is known, so the last line decides. A reader that goes away aborts the work.
 */
export function answerWithProgress(
  reply: FastifyReply,
  log: Logger,
  work: (progress: Progress, signal: AbortSignal) => Promise<unknown>,
): FastifyReply {
  const lines = new PassThrough();
  const gone = disconnectSignal(reply);
  const progress: Progress = (line) => {
    if (lines.writable && lines.writableLength + lines.readableLength < UNREAD_BYTES) lines.write(`${JSON.stringify(line)}\n`);
  };
  const end = (line: unknown) => {
    if (!lines.writable) return;
    lines.write(`${JSON.stringify(line)}\n`);
    void allSent(reply.request.raw).then(() => lines.end());
  };
  // Later, so that a failure at once does not race the headers.
  setImmediate(() => {
    work(progress, gone).then(
      (result) => end({ result }),
      (error: unknown) => {
        if (!isBerthError(error) && !gone.aborted) log.error({ err: error }, "request failed");
        end({ error: problemOf(error) });
      },
    );
  });
  return reply.header("content-type", "application/x-ndjson").send(lines);
}

/**
 * Resolves when the client has sent all of its body, which nobody reads any more, or went away. An answer that ends earlier would
 * have the server close the connection on a client that still writes, and most then say "broken pipe" and not what was answered.
 */
async function allSent(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return;
  const over = new Promise<void>((resolve) => request.once("end", resolve).once("close", resolve));
  // Data that is listened for flows again as soon as the last reader has let go.
  request.on("data", () => undefined).resume();
  await over;
}

/** Aborts when the client hung up before the answer was complete. */
export function disconnectSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) gone.abort(new Error("the client went away"));
  });
  return gone.signal;
}
