import { hostnameOf, isLoopbackHost, listNamesHost } from "./hosts.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for a URL by HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as curl and Go read them (either case; the loopback is never
 * proxied; HTTP_PROXY in capitals only outside CGI); null for none.
 */
export function proxyFor(url: URL, env: Environment): string | null {
  if (isLoopbackHost(hostnameOf(url.host))) return null;
  const upperHttp = env["REQUEST_METHOD"] === undefined ? env["HTTP_PROXY"] : undefined;
  const proxy = url.protocol === "https:" ? (env["https_proxy"] ?? env["HTTPS_PROXY"]) : (env["http_proxy"] ?? upperHttp);
  if (proxy === undefined || proxy === "") return null;
  const exempt = (env["no_proxy"] ?? env["NO_PROXY"] ?? "").split(",");
  if (listNamesHost(exempt, url.host, true)) return null;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}
