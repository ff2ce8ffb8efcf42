import type { BerthError, Clock } from "../../../shared/domain/index.ts";
import { RegistryError } from "../registry-error.ts";
import { type Access, type Action, ALL_ACTIONS, allowedActions, type Grant } from "./grants.ts";
import type { Claims, TokenSigner } from "./token-signer.ts";
import type { PasswordCheck } from "./users.ts";

/** What a request needs: one repository's rights, the list of all, or only to be known. */
export type Need = { kind: "login" } | { kind: "catalog" } | { kind: "repository"; repository: string; actions: readonly Action[] };

export interface Caller {
  /** True when the caller may do this in that repository. */
  may(action: Action, repository: string): boolean;
}

export interface Authorizer {
  /** @throws RegistryError UNAUTHORIZED, DENIED (both 401, with where to get a token) */
  authorize(authorization: string | undefined, need: Need, realm: string): Caller;
  /** A token for as much of what is asked for as the credentials allow. @throws RegistryError UNAUTHORIZED */
  issue(credentials: { name: string; password: string } | null, asked: readonly Access[], catalog: boolean): Promise<IssuedToken>;
}

export interface IssuedToken {
  token: string;
  expiresInSeconds: number;
  issuedAt: string;
}

const AUDIENCE = "registry";
export const SERVICE = "berth-registry";
const LIFETIME_S = 300;

export const OPEN: Authorizer = {
  authorize: () => ({ may: () => true }),
  async issue() {
    throw new RegistryError("UNSUPPORTED", "this registry needs no tokens", { status: 404 });
  },
};

interface AuthorizerOptions {
  signer: TokenSigner;
  checkPassword: PasswordCheck;
  /** Whether a password is a token of the Berth API; null where there is none to ask. */
  checkApiToken: ((token: string) => Promise<boolean>) | null;
  anonymousPull: boolean;
  clock: Clock;
}

/** Tokens of the docker token protocol, signed and checked here. */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { signer, anonymousPull, clock } = options;
  const may = (claims: Claims | null, action: Action, repository: string) =>
    (anonymousPull && action === "pull") ||
    (claims?.access.some((access) => access.repository === repository && access.actions.includes(action)) ?? false);
  return {
    authorize(authorization, need, realm) {
      const claims = claimsOf(authorization, signer);
      const enough =
        need.kind === "repository"
          ? need.actions.every((action) => may(claims, action, need.repository))
          : claims !== null && (need.kind === "login" || claims.catalog === true);
      if (!enough) throw challenge(need, realm, claims !== null);
      return { may: (action, repository) => may(claims, action, repository) };
    },
    async issue(credentials, asked, catalog) {
      const grants = await grantsOf(options, credentials);
      const access = asked
        .map((one) => ({ repository: one.repository, actions: allowedActions(grants, one) }))
        .filter(({ actions }) => actions.length > 0);
      const everything = grants.some(({ pattern, actions }) => pattern === "*" && actions.includes("pull"));
      const issued = Math.floor(clock.now() / 1000);
      const claims: Claims = {
        aud: AUDIENCE,
        sub: credentials?.name ?? "",
        exp: issued + LIFETIME_S,
        access,
        ...(catalog && everything && credentials !== null ? { catalog: true } : {}),
      };
      return { token: signer.sign(claims), expiresInSeconds: LIFETIME_S, issuedAt: new Date(issued * 1000).toISOString() };
    },
  };
}

async function grantsOf(
  { checkPassword, checkApiToken, anonymousPull }: AuthorizerOptions,
  credentials: { name: string; password: string } | null,
): Promise<readonly Grant[]> {
  if (credentials === null) {
    if (anonymousPull) return [{ pattern: "*", actions: ["pull"] }];
    throw new RegistryError("UNAUTHORIZED", "a name and a password are needed", {
      headers: { "www-authenticate": `Basic realm="${SERVICE}"` },
    });
  }
  if (credentials.name === "berth" && checkApiToken !== null && (await checkApiToken(credentials.password)))
    return [{ pattern: "*", actions: ALL_ACTIONS }];
  const user = await checkPassword(credentials.name, credentials.password);
  if (user === null) throw new RegistryError("UNAUTHORIZED", "the name or the password is wrong");
  return user.grants;
}

function claimsOf(authorization: string | undefined, signer: TokenSigner): Claims | null {
  const [, token] = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization ?? "") ?? [];
  return token === undefined ? null : signer.verify(token, AUDIENCE);
}

/** 401 also for a valid token of too small a scope: the client asks for another then (docker token protocol). */
function challenge(need: Need, realm: string, known: boolean): BerthError {
  const scope =
    need.kind === "repository"
      ? `repository:${need.repository}:${need.actions.join(",")}`
      : need.kind === "catalog"
        ? "registry:catalog:*"
        : null;
  const parts = [`realm="${realm}"`, `service="${SERVICE}"`, ...(scope === null ? [] : [`scope="${scope}"`])];
  if (known) parts.push('error="insufficient_scope"');
  return new RegistryError(known ? "DENIED" : "UNAUTHORIZED", known ? "the token does not cover this" : "authentication is needed", {
    status: 401,
    headers: { "www-authenticate": `Bearer ${parts.join(",")}` },
    ...(need.kind === "repository" ? { detail: [{ Type: "repository", Name: need.repository, Action: need.actions.join(",") }] } : {}),
  });
}
