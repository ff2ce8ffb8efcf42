import { BerthError, type ErrorCode } from "../../domain/index.ts";
import type { HttpAnswer } from "./transport.ts";

const MAX_ERROR_BYTES = 64 * 1024;

/**
 * A whole small body. The length it claims is checked first, then what comes.
 * @throws BerthError registry_error when it is larger than `maxBytes`, registry_unavailable when it breaks off
 */
export async function readSmallBody(answer: HttpAnswer, maxBytes: number, what: string): Promise<Buffer> {
  const tooLarge = () => new BerthError("registry_error", `${what} from ${answer.url.host} is larger than ${maxBytes} bytes`);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    if (Number(answer.headers["content-length"] ?? 0) > maxBytes) throw tooLarge();
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge();
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } finally {
    answer.body.destroy();
  }
}

/** A status that is not the hoped-for one as an error; what a retry may mend is retryable. Reads the body. */
export async function answerError(answer: HttpAnswer, what: string, notFound: ErrorCode): Promise<BerthError> {
  const said = await registryMessage(answer);
  const { host } = answer.url;
  return new BerthError(codeOf(answer.status, notFound), `${host} answers ${what} with ${answer.status}${said === "" ? "" : `: ${said}`}`, {
    details: {
      ...(answer.status === 404 && { hint: "check name and tag; registries also say so of what your login may not see (`berth login`)" }),
      status: answer.status,
      retryAfterMs: retryAfterMs(answer.headers["retry-after"], Date.parse(answer.headers["date"] ?? "")),
    },
  });
}

function codeOf(status: number, notFound: ErrorCode): ErrorCode {
  if (status === 401 || status === 403) return "registry_denied";
  if (status === 404) return notFound;
  if (status === 429) return "rate_limited";
  if (status === 408 || status === 425 || status >= 500) return "registry_unavailable";
  return "registry_error";
}

/** Seconds or an HTTP date (RFC 9110, section 10.2.3), counted from the server's own clock; null when there is none. */
export function retryAfterMs(value: string | undefined, serverNow: number): number | null {
  if (value === undefined) return null;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) || Number.isNaN(serverNow) ? null : Math.max(0, at - serverNow);
}

/** The first message of the distribution spec's error document, safe for a terminal; empty when there is none. */
async function registryMessage(answer: HttpAnswer): Promise<string> {
  try {
    const body: unknown = JSON.parse((await readSmallBody(answer, MAX_ERROR_BYTES, "the error")).toString("utf8"));
    const first = (body as { errors?: { code?: unknown; message?: unknown }[] } | null)?.errors?.[0];
    const text = [first?.code, first?.message].filter((part): part is string => typeof part === "string").join(" ");
    return text.replace(/[\p{Cc}\p{Cf}]+/gu, " ").slice(0, 300);
  } catch {
    // An error page in HTML, or none at all: the status says enough.
    return "";
  }
}
