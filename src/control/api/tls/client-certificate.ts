import { TLSSocket } from "node:tls";
import { nodeOfCertificate } from "../../../shared/certificates/index.ts";
import { BerthError } from "../../../shared/domain/index.ts";

/** What a connection proves: `plain` has no TLS (the local socket, loopback), so nothing can be asked of it. */
export type ShownCertificate = { kind: "plain" } | { kind: "none" } | { kind: "node"; nodeId: string };

/**
 * Reads who is at the other end. It is asked at every request: a certificate that ends while its connection stays open ends its use.
 * @throws BerthError certificate_invalid, saying what is wrong with the one that was shown
 */
export function shownCertificate(socket: unknown, now: number): ShownCertificate {
  if (!(socket instanceof TLSSocket)) return { kind: "plain" };
  const certificate = socket.getPeerCertificate();
  if (Object.keys(certificate ?? {}).length === 0) return { kind: "none" };
  const nodeId = nodeOfCertificate(certificate);
  if (!socket.authorized) throw refused(`${socket.authorizationError}`, nodeId, now);
  if (Date.parse(certificate.valid_to) <= now) throw refused("CERT_HAS_EXPIRED", nodeId, now);
  if (nodeId === null) throw new BerthError("certificate_invalid", "the certificate that was shown is not a node's");
  return { kind: "node", nodeId };
}

function refused(reason: string, nodeId: string | null, now: number): BerthError {
  const whose = nodeId === null ? "the client's certificate" : `the certificate of node ${JSON.stringify(nodeId)}`;
  const time = new Date(now).toISOString();
  if (/EXPIRED/.test(reason)) return new BerthError("certificate_invalid", `${whose} has expired; here it is ${time}`);
  if (/NOT_YET_VALID/.test(reason)) return new BerthError("certificate_invalid", `${whose} is not valid yet; here it is ${time}`);
  return new BerthError("certificate_invalid", `${whose} is not of this cluster's CA (${reason.slice(0, 60)})`);
}
