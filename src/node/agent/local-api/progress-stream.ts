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
    if (lines.writable) lines.end(`${JSON.stringify(line)}\n`);
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

/** Aborts when the client hung up before the answer was complete. */
export function disconnectSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) gone.abort(new Error("the client went away"));
  });
  return gone.signal;
}
