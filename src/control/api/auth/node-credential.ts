/**
 * A node shows one bearer token: "<node id>~<secret>". Neither part can hold a "~", so it splits in one way only.
 */
export function formatNodeCredential(nodeId: string, secret: string): string {
  return `${nodeId}~${secret}`;
}

/** Null for what is no credential of a node; the secret is not checked here. */
export function parseNodeCredential(token: string): { nodeId: string; secret: string } | null {
  const at = token.indexOf("~");
  return at <= 0 ? null : { nodeId: token.slice(0, at), secret: token.slice(at + 1) };
}
