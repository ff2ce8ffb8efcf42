import { BlockList, isIP } from "node:net";

const LOOPBACK = blockList(["127.0.0.0/8", "::1/128"]);
/** Cloud metadata services live here; no registry does. */
const LINK_LOCAL = blockList(["169.254.0.0/16", "fe80::/10"]);
/** Not of the public Internet (IANA's special-purpose registries): a machine's own, or of the network it stands in. */
const PRIVATE = blockList([
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16"],
  ...["198.18.0.0/15", "224.0.0.0/3", "::/127", "64:ff9b::/96", "fc00::/7", "fe80::/10", "ff00::/8"],
]);

/** "host" of "host:port", without the brackets of an IPv6 address, lower case. */
export function hostnameOf(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(host);
  return (bracketed?.[1] ?? host.replace(/:\d+$/, "")).toLowerCase();
}

/** True for localhost and the addresses of this machine's loopback. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || inList(LOOPBACK, hostname);
}

/** True for addresses (never names) that only reach the same link. IPv4 addresses mapped into IPv6 are seen through. */
export function isLinkLocalAddress(address: string): boolean {
  return inList(LINK_LOCAL, address);
}

/** True for addresses (never names) that are not of the public Internet. */
export function isPrivateAddress(address: string): boolean {
  return inList(PRIVATE, address);
}

/** Why a registry has no business to send us to a host, by a redirect or as its token service; null when it may. */
export function refusedTarget(target: URL, registry: URL): string | null {
  const hostname = hostnameOf(target.host);
  if (isLinkLocalAddress(hostname)) return "link-local addresses are not asked";
  if (isLoopbackHost(hostname) && !isLoopbackHost(hostnameOf(registry.host))) return "that is this machine itself";
  return null;
}

/**
 * Whether a list as in NO_PROXY or "insecure" names the host: "*", "host", "host:port", ".suffix" (and "suffix" with its
 * subdomains when `subdomains`), an address, or a CIDR range.
 */
export function listNamesHost(list: readonly string[], host: string, subdomains: boolean): boolean {
  const hostname = hostnameOf(host);
  return list.some((entry) => {
    const item = entry.trim().toLowerCase();
    if (item === "") return false;
    if (item === "*" || item === host.toLowerCase() || item === hostname) return true;
    if (item.includes("/")) return inRange(item, hostname);
    const suffix = item.replace(/^\*?\./, "");
    return (subdomains || suffix !== item) && isIP(hostname) === 0 && hostname.endsWith(`.${suffix}`);
  });
}

function inRange(range: string, address: string): boolean {
  if (isIP(address) === 0) return false;
  try {
    return inList(blockList([range]), address);
  } catch {
    // Not a range: it names no host.
    return false;
  }
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", bits = ""] = range.split("/");
    list.addSubnet(network, Number(bits), isIP(network) === 6 ? "ipv6" : "ipv4");
  }
  return list;
}

function inList(list: BlockList, address: string): boolean {
  const bare = address.replace(/^\[|\]$/g, "");
  const family = isIP(bare);
  return family !== 0 && list.check(bare, family === 6 ? "ipv6" : "ipv4");
}
