import { BerthError } from "../../shared/domain/index.ts";

/** Where a server listens: a unix socket (file permission is the authority) or a TCP address. */
export type Endpoint = { kind: "unix"; socketPath: string; label: string } | { kind: "tcp"; url: URL; label: string };

/**
 * Reads "unix:///run/berth/api.sock", "/run/berth/api.sock", "http://host:8470" or "host:8470".
 * @throws BerthError invalid_request
 */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith("unix://")) return unix(text.slice("unix://".length), text);
  if (text.startsWith("/")) return unix(text, `unix://${text}`);
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(address)) throw malformed(text);
  const url = new URL(address);
  if (!["http:", "https:"].includes(url.protocol) || url.hostname === "") throw malformed(text);
  return { kind: "tcp", url, label: `${url.protocol}//${url.host}` };
}

function unix(path: string, label: string): Endpoint {
  if (!path.startsWith("/")) throw malformed(label);
  return { kind: "unix", socketPath: path, label };
}

function malformed(text: string): BerthError {
  return new BerthError("invalid_request", `${JSON.stringify(text)} is not an address`, {
    details: { hint: "write it like unix:///run/berth/api.sock or http://127.0.0.1:8470" },
  });
}
