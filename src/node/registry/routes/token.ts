import type { FastifyReply } from "fastify";
import { parseScope } from "../auth/grants.ts";
import { RegistryError } from "../registry-error.ts";
import type { Call, RegistryParts } from "./context.ts";
import { readBody } from "./read-body.ts";

const MAX_SCOPES = 20;
const MAX_FORM_BYTES = 64 * 1024;

/** GET with Basic credentials, or POST with a form (OAuth 2 password grant): the docker token protocol. */
export async function issueToken(parts: RegistryParts, { request, reply, query }: Omit<Call, "caller">): Promise<FastifyReply> {
  const form = request.method === "POST" ? new URLSearchParams((await readBody(request, MAX_FORM_BYTES)).toString("utf8")) : query;
  const scopes = form
    .getAll("scope")
    .flatMap((text) => text.split(" "))
    .filter((text) => text !== "");
  if (scopes.length > MAX_SCOPES) throw new RegistryError("DENIED", `at most ${MAX_SCOPES} scopes at once`, { status: 400 });
  const access = scopes.map(parseScope).filter((scope) => scope !== null);
  const credentials = request.method === "POST" ? formCredentials(form) : basicCredentials(request.headers.authorization);
  const issued = await parts.authorizer.issue(credentials, access, scopes.includes("registry:catalog:*"));
  return reply.header("cache-control", "no-store").send({
    token: issued.token,
    access_token: issued.token,
    expires_in: issued.expiresInSeconds,
    issued_at: issued.issuedAt,
  });
}

function basicCredentials(header: string | undefined): { name: string; password: string } | null {
  if (header === undefined) return null;
  const [, encoded = ""] = /^Basic +([A-Za-z0-9+/=]{1,2048})$/i.exec(header) ?? [];
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) throw new RegistryError("UNAUTHORIZED", "the credentials are not Basic ones");
  return { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

function formCredentials(form: URLSearchParams): { name: string; password: string } | null {
  if (form.get("grant_type") !== "password") throw new RegistryError("UNSUPPORTED", "only the password grant is known", { status: 400 });
  const [name, password] = [form.get("username"), form.get("password")];
  return name === null || password === null ? null : { name, password };
}
