import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { splitToken } from "../../../shared/certificates/index.ts";
import { BerthError, type Clock } from "../../../shared/domain/index.ts";
import type { NodeStore, TokenStore } from "../../jobs/index.ts";
import type { Access } from "../http/route-schema.ts";
import type { ShownCertificate } from "../tls/client-certificate.ts";
import type { AdminToken } from "./admin-token.ts";
import type { Identity } from "./identity.ts";
import { parseNodeCredential } from "./node-credential.ts";

export interface AuthDeps {
  admin: AdminToken;
  tokens: Pick<TokenStore, "verify">;
  nodes: Pick<NodeStore, "authenticate">;
  clock: Clock;
  /** True for a request that came in by the local socket. */
  isLocal(request: FastifyRequest): boolean;
  /** @throws BerthError certificate_invalid */
  shownCertificate(request: FastifyRequest): ShownCertificate;
}

type NodeIdentity = Extract<Identity, { kind: "node" }>;

const LONGEST_TOKEN = 1024;

/**
 * Who the request comes from, as far as its route needs to know.
 * @throws BerthError unauthorized, forbidden, certificate_invalid
 */
export async function authenticate(deps: AuthDeps, access: Access, request: FastifyRequest): Promise<Identity> {
  if (access === "public") return { kind: "anonymous" };
  const token = bearerToken(request);
  if (access === "joined") return nodeIdentity(deps, token);
  if (access === "node") return certifiedNode(await nodeIdentity(deps, token), deps.shownCertificate(request));
  if (deps.isLocal(request)) return { kind: "operator", user: "root" };
  if (token === null) throw new BerthError("unauthorized", "this route needs a token");
  if (deps.admin.matches(token)) return { kind: "operator", user: "admin" };
  if (!(await deps.tokens.verify("api", token, deps.clock.now())))
    throw new BerthError("unauthorized", "the token is not known or has expired");
  if (access === "operator") throw new BerthError("forbidden", "only the operator may do this: use the local socket or the admin token");
  return { kind: "api", user: `token-${createHash("sha256").update(token).digest("hex").slice(0, 8)}` };
}

/** The local socket is no node: an agent always shows which one it is. */
async function nodeIdentity(deps: AuthDeps, token: string | null): Promise<NodeIdentity> {
  const credential = token === null ? null : parseNodeCredential(token);
  if (credential === null) throw new BerthError("unauthorized", "this route needs a node's credential");
  if (!(await deps.nodes.authenticate(credential.nodeId, credential.secret))) {
    throw new BerthError("unauthorized", `the credential of node ${JSON.stringify(credential.nodeId)} is not valid; join again`);
  }
  return { kind: "node", nodeId: credential.nodeId };
}

/** Credential and certificate must be of one node: neither alone, if it leaks, speaks for it. */
function certifiedNode(identity: NodeIdentity, shown: ShownCertificate): NodeIdentity {
  if (shown.kind === "plain") return identity;
  const { nodeId } = identity;
  if (shown.kind === "none")
    throw new BerthError("certificate_invalid", `node ${JSON.stringify(nodeId)} must show its certificate on this route`);
  if (shown.nodeId !== nodeId)
    throw new BerthError(
      "certificate_invalid",
      `the certificate is of node ${JSON.stringify(shown.nodeId)}, the credential of ${JSON.stringify(nodeId)}`,
    );
  return identity;
}

function bearerToken(request: FastifyRequest): string | null {
  const match = /^Bearer +([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? "");
  const token = match?.[1] ?? null;
  // What pins the CA is for the client; one that does not know of it sends it along.
  return token !== null && token.length <= LONGEST_TOKEN ? splitToken(token).token : null;
}
