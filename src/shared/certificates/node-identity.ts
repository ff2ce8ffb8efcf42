import type { PeerCertificate } from "node:tls";

const SUFFIX = ".node.berth.internal";

/** The name in a node's certificate, by which peers know that they reached the node they meant, whatever its address. */
export function nodeHost(nodeId: string): string {
  return `${nodeId}${SUFFIX}`;
}

/** Whose certificate it is; null when it is not a node's. The chain has been verified by TLS. */
export function nodeOfCertificate(certificate: Pick<PeerCertificate, "subject" | "subjectaltname">): string | null {
  const nodeId: unknown = certificate.subject?.CN;
  return typeof nodeId === "string" && certificate.subjectaltname === `DNS:${nodeHost(nodeId)}` ? nodeId : null;
}
