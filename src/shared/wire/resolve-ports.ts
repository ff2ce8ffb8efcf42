import {
  BerthError,
  type JobSpec,
  type NetworkMode,
  type PortProtocol,
  type PublishedPort,
  portName,
  type ResourceRequest,
} from "../domain/index.ts";
import type { JobSpecInput } from "./job-spec-schema.ts";

const FORM = /^(?:(\d{1,5}):)?(\d{1,5})(?:\/(tcp|udp))?$/;

/**
 * "8080:80", "6006", "53:53/udp" and plain numbers, as Docker's --publish without its host address.
 * @throws BerthError invalid_job_spec
 */
export function resolvePorts(asked: JobSpecInput["ports"], network: NetworkMode): Pick<JobSpec, "ports"> {
  if (asked === undefined || asked.length === 0) return {};
  if (network === "none") refuse("/ports", "network none has no port to publish");
  const ports = asked.map((text, place) => parsePort(String(text), `/ports/${place}`));
  for (const [place, port] of ports.entries()) if (network === "host") checkOnHost(port, `/ports/${place}`);
  const repeated = hostPortsOf(ports).find((name, place, all) => all.indexOf(name) !== place);
  if (repeated !== undefined) refuse("/ports", `host port ${repeated} is published twice`);
  return { ports };
}

/** What the scheduler keeps apart. */
export function hostPorts({ ports = [] }: Pick<JobSpec, "ports">): Pick<ResourceRequest, "hostPorts"> {
  const names = hostPortsOf(ports);
  return names.length === 0 ? {} : { hostPorts: names };
}

function hostPortsOf(ports: readonly PublishedPort[]): string[] {
  return ports.flatMap(({ hostPort, protocol }) => (hostPort === null ? [] : [portName({ port: hostPort, protocol })])).sort();
}

function parsePort(text: string, field: string): PublishedPort {
  const match = FORM.exec(text);
  if (match === null) refuse(field, `${JSON.stringify(text)} is not a port: write 8080:80, 6006 or 53:53/udp`);
  const [, host, container, protocol = "tcp"] = match;
  return {
    containerPort: inRange(Number(container), field),
    hostPort: host === undefined ? null : inRange(Number(host), field),
    protocol: protocol as PortProtocol,
  };
}

/** There is nothing between the program and the node: the port it listens on is the node's own, and must be said to be kept free. */
function checkOnHost({ containerPort, hostPort }: PublishedPort, field: string): void {
  if (hostPort === containerPort) return;
  refuse(field, `on network host a port cannot be another outside: write ${containerPort}:${containerPort}, or network: bridge`);
}

function inRange(port: number, field: string): number {
  if (port < 1 || port > 65_535) refuse(field, `${port} is not a port (1 to 65535)`);
  return port;
}

function refuse(field: string, message: string): never {
  throw new BerthError("invalid_job_spec", `${field}: ${message}`, { field });
}
