import { BerthError } from "../../shared/domain/index.ts";

export interface Endpoint {
  /** Scheme and authority for request URLs; no trailing slash. */
  origin: string;
  /** Null over TCP. */
  socketPath: string | null;
}

/**
 * Reads http://host:port, https://host:port or unix:///path.
 * @throws BerthError invalid_request; the text never holds a password of the URL
 */
export function parseEndpoint(url: string): Endpoint {
  if (/^unix:\/\/\//.test(url)) return { origin: "http://localhost", socketPath: url.slice("unix://".length) };
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed && /^https?:$/.test(parsed.protocol) && parsed.hostname !== "" && parsed.username === "" && parsed.pathname === "/") {
    return { origin: parsed.origin, socketPath: null };
  }
  throw new BerthError("invalid_request", "the control plane's address must look like http://host:8470 or unix:///run/berth/api.sock");
}
