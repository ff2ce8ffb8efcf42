import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import type { Credential } from "../../credentials/index.ts";
import { BerthError, type Clock } from "../../domain/index.ts";
import { answerError, readSmallBody } from "./answers.ts";
import type { Challenge } from "./challenge.ts";
import { refusedTarget } from "./hosts.ts";
import { mayAuthenticateAt, type RegistryConfig } from "./registry-config.ts";
import type { Transport } from "./transport.ts";

/** Turns a challenge into the Authorization header of later requests. */
export interface Authorizer {
  /** Takes in the challenge that an answer of the registry itself (never of a redirect's target) carried. */
  challenged(challenge: Challenge): void;
  /** Null while nothing is known to be wanted. `scopes` as "repository:library/debian:pull". @throws BerthError registry_denied */
  header(scopes: readonly string[], signal: AbortSignal): Promise<string | null>;
  /** Forgets the tokens: one was refused. */
  forget(): void;
}

interface AuthorizerOptions {
  config: RegistryConfig;
  transport: Transport;
  clock: Clock;
  /** The registry as it is reached. */
  registry: URL;
  insecure: boolean;
  credential: Credential | null;
}

interface Token {
  text: string;
  /** Monotonic milliseconds. */
  expiresAt: number;
}

const MAX_ANSWER_BYTES = 1024 * 1024;
/** The token spec's default, for services that do not say. */
const DEFAULT_LIFETIME_S = 60;
const MARGIN_MS = 5_000;

/**
 * Asks nobody before a challenge was seen; then keeps one token for each set of scopes.
 * @throws BerthError (header) registry_denied when the credential would go to a host that must not have it, registry_error
 * for an answer without a token
 */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { clock, credential, registry } = options;
  const tokens = new Map<string, Promise<Token>>();
  let challenge: Challenge | null = null;
  const tokenFor = async (current: Challenge, scopes: readonly string[], signal: AbortSignal): Promise<string> => {
    const key = [...scopes].sort().join(" ");
    const known = await tokens.get(key)?.catch(() => null);
    if (known && known.expiresAt > clock.monotonic()) return known.text;
    const fetching = fetchToken(options, current, scopes, signal);
    tokens.set(key, fetching);
    return (await fetching).text;
  };
  return {
    challenged: (next) => {
      challenge = next;
    },
    async header(scopes, signal) {
      if (challenge === null) return null;
      if (challenge.scheme === "bearer") return `Bearer ${await tokenFor(challenge, scopes, signal)}`;
      if (credential?.kind !== "password") throw new BerthError("registry_denied", `${registry.host} wants a user name and a password`);
      return basic(credential);
    },
    forget: () => tokens.clear(),
  };
}

/** The token service's answer (distribution spec, "Token Authentication"); OAuth2 names it access_token. */
const AnswerSchema = Type.Object({
  token: Type.Optional(Type.String({ minLength: 1 })),
  access_token: Type.Optional(Type.String({ minLength: 1 })),
  expires_in: Type.Optional(Type.Number()),
});

async function fetchToken(
  options: AuthorizerOptions,
  challenge: Challenge,
  scopes: readonly string[],
  signal: AbortSignal,
): Promise<Token> {
  const realm = tokenServiceOf(options, challenge);
  const asked = options.clock.monotonic();
  const answer = await options.transport.send(
    tokenRequest(options, challenge, realm, scopes),
    options.insecure && realm.hostname === options.registry.hostname,
    signal,
  );
  if (answer.status !== 200) throw await answerError(answer, "the request for a token", "registry_error");
  const token = parseToken(await readSmallBody(answer, MAX_ANSWER_BYTES, "the token"), realm);
  // Node refuses a header with a line break in it; a token that has one is not a token.
  const text = token.token ?? token.access_token ?? "";
  if (!/^[\x21-\x7e]+$/.test(text)) throw new BerthError("registry_error", `${realm.host} gave no usable token`);
  const lifetimeMs = (token.expires_in ?? DEFAULT_LIFETIME_S) * 1000;
  return { text, expiresAt: asked + Math.max(lifetimeMs - MARGIN_MS, lifetimeMs / 2) };
}

/**
 * Where a challenge sends us for a token. It is the registry's word: it must not make this node ask its own services, also without a login.
 * @throws BerthError registry_error, registry_denied
 */
export function tokenServiceOf(
  { config, registry, credential }: Pick<AuthorizerOptions, "config" | "registry" | "credential">,
  challenge: Pick<Challenge, "parameters">,
): URL {
  const text = challenge.parameters.get("realm") ?? "";
  const realm = URL.canParse(text) ? new URL(text) : null;
  if (realm === null) throw new BerthError("registry_error", `${registry.host} names no token service`);
  const why = refusedTarget(realm, registry);
  if (why !== null) throw new BerthError("registry_error", `${registry.host} names the token service ${realm.origin}: ${why}`);
  const plain = realm.protocol === "http:" && registry.protocol === "http:";
  if (realm.protocol !== "https:" && !plain)
    throw new BerthError("registry_denied", `the token service ${realm.origin} of ${registry.host} does not speak https`);
  if (credential !== null && !mayAuthenticateAt(config, registry, realm))
    throw new BerthError("registry_denied", `${registry.host} wants its credentials sent to ${realm.host}, which is not of its domain`, {
      details: { hint: `if that is right, list ${realm.host} under "realms" in registries.json` },
    });
  return realm;
}

function tokenRequest({ credential }: AuthorizerOptions, challenge: Challenge, realm: URL, scopes: readonly string[]) {
  const service = challenge.parameters.get("service");
  if (credential?.kind === "identity-token") {
    const form = new URLSearchParams({ grant_type: "refresh_token", refresh_token: credential.token, client_id: "berth" });
    if (service !== undefined) form.set("service", service);
    if (scopes.length > 0) form.set("scope", scopes.join(" "));
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { method: "POST" as const, url: realm, headers, body: form.toString() };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (credential !== null) url.searchParams.set("account", credential.username);
  return { method: "GET" as const, url, headers: credential === null ? {} : { authorization: basic(credential) } };
}

function parseToken(bytes: Buffer, realm: URL): Static<typeof AnswerSchema> {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (Value.Check(AnswerSchema, value)) return value;
  } catch {
    // Not JSON: the same as a wrong document.
  }
  throw new BerthError("registry_error", `${realm.host} gave no token`);
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
