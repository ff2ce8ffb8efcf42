import { hostname, type networkInterfaces } from "node:os";

const ALWAYS = ["localhost", "127.0.0.1", "::1"];

/**
 * The names and addresses by which clients may reach a server that listens on `host`: what the operator says, this machine's name,
 * and the address, or every address of the machine for a wildcard.
 */
export function serverNames(
  host: string,
  extra: readonly string[],
  interfaces: ReturnType<typeof networkInterfaces>,
  machine = hostname(),
): string[] {
  const wildcard = host === "0.0.0.0" || host === "::";
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  // A link-local address means nothing without its interface.
  const addresses = wildcard ? all.map(({ address }) => address).filter((address) => !/^fe80:/i.test(address)) : [host];
  return [...new Set([...extra, ...ALWAYS, ...addresses, ...(/^[A-Za-z0-9][-A-Za-z0-9.]*$/.test(machine) ? [machine] : [])])];
}

/** Addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
