import { BerthError } from "../../../shared/domain/index.ts";
import { parseReference } from "../../../shared/oci/index.ts";

export type Family = "debian" | "ubuntu";

/** A distribution release that mmdebstrap can make an image of. */
export interface Release {
  family: Family;
  codename: string;
  version: string;
  /** Its release day: every younger file gets this time, so that the day of the bootstrap leaves no trace. */
  sourceDateEpoch: number;
  components: string[];
}

const RELEASES: readonly Release[] = [
  release("debian", "bullseye", "11", "2021-08-14"),
  release("debian", "bookworm", "12", "2023-06-10"),
  release("debian", "trixie", "13", "2025-08-09"),
  release("ubuntu", "jammy", "22.04", "2022-04-21"),
  release("ubuntu", "noble", "24.04", "2024-04-25"),
];

/** Where each family's packages come from when the host has no sources of that family, and what signs them. */
export const FAMILIES: Record<Family, { archive: string; security: string; keyring: string; keyringPackage: string }> = {
  debian: {
    archive: "http://deb.debian.org/debian",
    security: "http://deb.debian.org/debian-security",
    keyring: "/usr/share/keyrings/debian-archive-keyring.gpg",
    keyringPackage: "debian-archive-keyring",
  },
  ubuntu: {
    archive: "http://archive.ubuntu.com/ubuntu",
    security: "http://security.ubuntu.com/ubuntu",
    keyring: "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
    keyringPackage: "ubuntu-keyring",
  },
};

/**
 * "debian:bookworm" and "debian:12" are the same release.
 * @throws BerthError bootstrap_failed naming the releases there are; invalid_reference
 */
export function releaseOf(reference: string): Release {
  const { registry, repository, tag } = parseReference(reference);
  const name = registry === "docker.io" && repository.startsWith("library/") ? repository.slice("library/".length) : "";
  const found = RELEASES.find(({ family, codename, version }) => family === name && (tag === codename || tag === version));
  if (found !== undefined) return found;
  const known = RELEASES.map(({ family, codename }) => `${family}:${codename}`).join(", ");
  throw new BerthError("bootstrap_failed", `${JSON.stringify(reference)} cannot be bootstrapped: only ${known} can`);
}

function release(family: Family, codename: string, version: string, day: string): Release {
  const components = family === "ubuntu" ? ["main", "universe"] : ["main"];
  return { family, codename, version, sourceDateEpoch: Date.parse(`${day}T00:00:00Z`) / 1000, components };
}
