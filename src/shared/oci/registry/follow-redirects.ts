import { BerthError } from "../../domain/index.ts";
import { refusedTarget } from "./hosts.ts";
import type { HttpAnswer, HttpRequest, Transport } from "./transport.ts";

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Sends a GET or HEAD and follows redirects. Credentials stay with the host they are for: once another origin was asked,
 * no further request carries them, not even back at the first.
 * @throws BerthError registry_unavailable, registry_error
 */
export async function sendFollowing(
  transport: Transport,
  request: HttpRequest,
  insecure: boolean,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  let current = request;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const answer = await transport.send(current, insecure && current.url.host === request.url.host, signal);
    if (!REDIRECTS.has(answer.status)) return answer;
    answer.body.destroy();
    const target = redirectTarget(answer, request.url);
    const headers = target.origin === current.url.origin ? current.headers : withoutCredentials(current.headers);
    current = { ...current, url: target, headers };
  }
  throw new BerthError("registry_error", `${request.url.host} redirects more than ${MAX_REDIRECTS} times`);
}

/** @throws BerthError registry_error for a place that a registry has no business to send us to */
export function redirectTarget(answer: Pick<HttpAnswer, "headers" | "url">, first: URL): URL {
  const location = answer.headers["location"] ?? "";
  const refuse = (why: string) => new BerthError("registry_error", `${answer.url.host} redirects to ${quoted(location)}: ${why}`);
  if (location === "" || !URL.canParse(location, answer.url.href)) throw refuse("that is no address");
  const target = new URL(location, answer.url);
  if (target.protocol !== "https:" && target.protocol !== "http:") throw refuse("only http and https are followed");
  if (target.protocol === "http:" && answer.url.protocol === "https:") throw refuse("from https to http");
  if (target.username !== "" || target.password !== "") throw refuse("it holds a password");
  const why = refusedTarget(target, first);
  if (why !== null) throw refuse(why);
  return target;
}

function withoutCredentials(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== "authorization" && name !== "cookie"));
}

/** The query may hold a signature: it is not shown. */
function quoted(location: string): string {
  return JSON.stringify(location.replace(/\?.*$/s, "?...").slice(0, 200));
}
