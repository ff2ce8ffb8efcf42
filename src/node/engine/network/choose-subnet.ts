import { BerthError } from "../../../shared/domain/index.ts";

/** One network in CIDR notation as two numbers. */
export interface Subnet {
  base: number;
  prefix: number;
}

const POOL: Subnet = { base: ipToNumber("10.88.0.0"), prefix: 16 };
/** 1021 containers on one node. */
const SIZE_PREFIX = 22;

/**
 * A /22 of 10.88.0.0/16 that collides with none of `taken` ("10.88.0.0/16" of a podman, routes, addresses). Starts at a
 * place of its own for each instance, so two Berths starting at once rarely want the same. When the whole pool is taken
 * (a podman network spans it), goes on in 10.89.0.0/16 and up to 10.127.0.0/16.
 * @throws BerthError conflict when nothing is free
 */
export function chooseSubnet(instance: string, taken: readonly string[]): string {
  const used = taken.flatMap((text) => parseSubnet(text) ?? []);
  const perPool = 2 ** (SIZE_PREFIX - POOL.prefix);
  const first = Number.parseInt(instance.slice(0, 6), 16) % perPool;
  for (let pool = 0; pool < 40; pool++) {
    for (let step = 0; step < perPool; step++) {
      const index = (first + step) % perPool;
      const base = POOL.base + pool * 2 ** (32 - POOL.prefix) + index * 2 ** (32 - SIZE_PREFIX);
      const candidate = { base, prefix: SIZE_PREFIX };
      if (!used.some((other) => overlaps(candidate, other))) return formatSubnet(candidate);
    }
  }
  throw new BerthError("conflict", "no free network in 10.88.0.0 to 10.127.255.255 for the container bridge");
}

/** True when some address is in both. */
export function overlaps(a: Subnet, b: Subnet): boolean {
  const size = 2 ** (32 - Math.min(a.prefix, b.prefix));
  return Math.floor(a.base / size) === Math.floor(b.base / size);
}

/** "10.0.0.0/8", or an address for a /32; null for anything else (IPv6, "default"). */
export function parseSubnet(text: string): Subnet | null {
  const match = /^(\d{1,3}(?:\.\d{1,3}){3})(?:\/(\d{1,2}))?$/.exec(text);
  return match ? { base: ipToNumber(match[1] ?? ""), prefix: Number(match[2] ?? "32") } : null;
}

function formatSubnet({ base, prefix }: Subnet): string {
  const bytes = [24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256);
  return `${bytes.join(".")}/${prefix}`;
}

function ipToNumber(text: string): number {
  return text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
