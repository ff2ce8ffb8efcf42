export type PortProtocol = "tcp" | "udp";

/** A port of the container that is reached at a port of its node. */
export interface PublishedPort {
  containerPort: number;
  /** Null: a free one that the node chooses when the container starts. */
  hostPort: number | null;
  protocol: PortProtocol;
}

/** "8080/tcp": how a node's port is named in what jobs ask and hold. */
export function portName({ port, protocol }: { port: number; protocol: PortProtocol }): string {
  return `${port}/${protocol}`;
}

/** "8080:80/tcp"; "80/tcp" while the node has not chosen yet. */
export function publishedPortText({ containerPort, hostPort, protocol }: PublishedPort): string {
  return `${hostPort === null ? "" : `${hostPort}:`}${portName({ port: containerPort, protocol })}`;
}
