import { isIPv4, isIPv6 } from "node:net";
import type { networkInterfaces } from "node:os";

/**
 * Where ranks of a gang on other nodes reach this one when the operator did not say: the address the API listens on, as other
 * nodes join through it. A wildcard means every address, so the machine's first outside one. Undefined on loopback: nobody
 * else can join, and the agent's own default fits.
 */
export function advertisedAddress(listen: string, interfaces: ReturnType<typeof networkInterfaces>): string | undefined {
  const host = listen.slice(0, listen.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  if (host === "" || host === "0.0.0.0" || host === "::") return firstOutside(interfaces);
  if (host === "localhost" || host === "::1" || host.startsWith("127.")) return undefined;
  return isIPv4(host) || isIPv6(host) ? host : undefined;
}

function firstOutside(interfaces: ReturnType<typeof networkInterfaces>): string | undefined {
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  return all.find(({ internal, family }) => !internal && family === "IPv4")?.address;
}
