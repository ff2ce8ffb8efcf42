import type { ResourceRequest } from "../../../shared/domain/index.ts";

/** Ports of a node, by `portName` -> the job that has them. Never changed: a booking makes a new one. */
export type HeldPorts = ReadonlyMap<string, string>;

/** Stands for all nodes without published ports. */
export const NO_PORTS: HeldPorts = new Map();

/** A copy in which the job has these ports too. */
export function holdPorts(held: HeldPorts, jobId: string, ports: readonly string[]): HeldPorts {
  const more = new Map(held);
  for (const port of ports) more.set(port, jobId);
  return more;
}

/** A copy without the ports that are this job's; what another holds meanwhile stays. */
export function givePortsBack(held: HeldPorts, jobId: string, ports: readonly string[]): HeldPorts {
  const fewer = new Map(held);
  for (const port of ports) if (fewer.get(port) === jobId) fewer.delete(port);
  return fewer;
}

/** How many replicas find the ports they ask: one, where nobody has them; all where none is asked. */
export function portsAllow({ ports }: { ports: HeldPorts }, { hostPorts }: Pick<ResourceRequest, "hostPorts">): number {
  if (hostPorts === undefined) return Number.POSITIVE_INFINITY;
  return ports.size > 0 && hostPorts.some((port) => ports.has(port)) ? 0 : 1;
}

/** "port 8080/tcp is taken by job 81"; null when none is. */
export function takenPort({ ports }: { ports: HeldPorts }, { hostPorts = [] }: Pick<ResourceRequest, "hostPorts">): string | null {
  const taken = hostPorts.find((port) => ports.has(port));
  return taken === undefined ? null : `port ${taken} is taken by job ${ports.get(taken)}`;
}
