import type { MachineFacts } from "./machine-facts.ts";

/** The command that installs packages of Debian's names here, or words where there is no apt. */
export function install(facts: Pick<MachineFacts, "os">, ...packages: string[]): string {
  const hasApt = ["debian", "ubuntu"].includes(facts.os.id);
  return hasApt
    ? `apt-get install -y --no-install-recommends ${packages.join(" ")}`
    : `install with your package manager: ${packages.join(" ")}`;
}

/** The command that brings a package up to date. */
export function upgrade(facts: Pick<MachineFacts, "os">, name: string): string {
  const hasApt = ["debian", "ubuntu"].includes(facts.os.id);
  return hasApt ? `apt-get update && apt-get install -y --only-upgrade ${name}` : `upgrade ${name} with your package manager`;
}
