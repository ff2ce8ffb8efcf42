import type { Readable } from "node:stream";
import { BerthError } from "../../domain/index.ts";
import { answerError } from "./answers.ts";
import type { EndpointSession } from "./endpoint-session.ts";
import type { HttpAnswer } from "./transport.ts";

export interface BlobRange {
  /** First byte. */
  from: number;
  /** One past the last byte. */
  to: number;
}

export interface BlobBody {
  body: Readable;
  /** Where the body begins: `from`, or 0 of a server that knows no ranges and sends everything. */
  start: number;
  /** One past where it ends. */
  end: number;
}

/**
 * GET /v2/<repository>/blobs/<digest>, or a part of it. Nothing of the content is checked but its length: the caller hashes it.
 * @throws BerthError image_invalid (no such blob), digest_mismatch (another length), registry_*
 */
export async function fetchBlob(
  session: EndpointSession,
  repository: string,
  blob: { digest: string; size: number },
  range: BlobRange,
  signal: AbortSignal,
): Promise<BlobBody> {
  const whole = range.from === 0 && range.to === blob.size;
  const headers: Record<string, string> = whole ? {} : { range: `bytes=${range.from}-${range.to - 1}` };
  const scopes = [`repository:${repository}:pull`];
  const answer = await session.send({ method: "GET", path: `${repository}/blobs/${blob.digest}`, headers, scopes }, signal);
  if (answer.status !== 200 && answer.status !== 206)
    throw await answerError(answer, `blob ${blob.digest} of ${repository}`, "image_invalid");
  try {
    return { body: answer.body, ...extentOf(answer, blob, range) };
  } catch (error) {
    answer.body.destroy();
    throw error;
  }
}

function extentOf(answer: HttpAnswer, blob: { digest: string; size: number }, range: BlobRange): { start: number; end: number } {
  const length = answer.headers["content-length"];
  const lie = (what: string) =>
    new BerthError("digest_mismatch", `blob ${blob.digest} has ${blob.size} bytes, but ${answer.url.host} sends ${what}`);
  const encoding = answer.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity")
    throw new BerthError(
      "registry_error",
      `${answer.url.host} sends blob ${blob.digest} encoded as ${JSON.stringify(encoding.slice(0, 50))}`,
    );
  if (answer.status === 200) {
    if (length !== undefined && Number(length) !== blob.size) throw lie(`${length} bytes`);
    return { start: 0, end: blob.size };
  }
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(answer.headers["content-range"] ?? "") ?? [];
  if (total !== undefined && total !== "*" && Number(total) !== blob.size) throw lie(`a part of ${total} bytes`);
  if (Number(first) !== range.from || !(Number(last) < range.to) || Number(last) < range.from)
    throw lie(`the part ${JSON.stringify(answer.headers["content-range"] ?? "")} instead of ${range.from}-${range.to - 1}`);
  return { start: range.from, end: Number(last) + 1 };
}
