import { splitToken } from "../../shared/certificates/index.ts";
import { BerthError } from "../../shared/domain/index.ts";
import { nodeNameOf } from "./agent-options.ts";
import { type ControlPlaneClient, createControlPlaneClient } from "./control-plane-client.ts";
import { trustedAuthority } from "./control-plane-trust.ts";
import { parseEndpoint } from "./endpoint.ts";
import type { Ground } from "./ground.ts";
import { readJoinToken } from "./join-token.ts";
import { createMembership, type Membership } from "./membership.ts";
import { createNodeCertificates, type NodeCertificates } from "./node-certificate.ts";
import { agentPaths } from "./paths.ts";

export interface MembershipParts {
  client: ControlPlaneClient;
  membership: Membership;
  certificates: NodeCertificates;
}

/** How this node is known to its control plane, and the control plane to it. @throws BerthError invalid_request, missing_requirement */
export async function composeMembership({ options, clock, log }: Ground): Promise<MembershipParts> {
  const { origin, socketPath } = parseEndpoint(options.join);
  refusePlain(options.join, socketPath, options.insecureHttp ?? false);
  const paths = agentPaths(options.dataDir, options.runDir);
  const joinToken = await readJoinToken({ ...options, env: process.env });
  const { token, fingerprint } = joinToken === null ? { token: null, fingerprint: null } : splitToken(joinToken);
  const secure = origin.startsWith("https:");
  const sources = { origin, caFile: options.caFile ?? null, stored: paths.ca, fingerprint };
  let trusted: string | null | undefined;
  const trust = async (signal: AbortSignal) => {
    trusted ??= await trustedAuthority(sources, signal);
    return trusted;
  };
  const client = createControlPlaneClient({
    url: options.join,
    credential: () => membership.current()?.credential ?? null,
    async tls(signal) {
      if (!secure) return {};
      const ca = await trust(signal);
      const own = certificates.current();
      return { ...(ca === null ? {} : { ca }), ...(own === null ? {} : { cert: own.certificate, key: own.key }) };
    },
  });
  const certificates = createNodeCertificates({ paths, client, clock, log });
  const membership: Membership = createMembership({
    client,
    identityPath: paths.identity,
    name: nodeNameOf(options.name),
    token,
    local: socketPath !== null,
    log,
    async certify(nodeId, signal) {
      // Behind a proxy with a public certificate there is no TLS of the cluster's own.
      const overTls = secure && (await trust(signal)) !== null;
      if (overTls || options.peerListen) await certificates.ensure(nodeId, signal);
    },
  });
  return { client, membership, certificates };
}

function refusePlain(url: string, socketPath: string | null, allowed: boolean): void {
  if (socketPath !== null || !url.startsWith("http:") || allowed) return;
  const { hostname } = new URL(url);
  if (hostname === "localhost" || hostname === "[::1]" || /^127\./.test(hostname)) return;
  throw new BerthError("invalid_request", `${url} has no TLS: this node's credential and its jobs' secrets would travel in clear`, {
    details: { hint: "join with https://, or pass --insecure-http on a network that you trust" },
  });
}
