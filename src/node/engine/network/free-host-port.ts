import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { BerthError, type PortProtocol, portName } from "../../../shared/domain/index.ts";

/** Chosen ports that others of our own containers have are passed over so often. */
const TRIES = 20;

/**
 * The port itself when nothing on the host listens there, or with null one that the kernel gives and that is not among
 * `taken`. Nothing holds it afterwards: a program that takes it in the same moment loses, for what arrives goes to the container.
 * @throws BerthError port_unavailable
 */
export async function freeHostPort(wanted: number | null, protocol: PortProtocol, taken: ReadonlySet<string>): Promise<number> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = await tryPort(wanted ?? 0, protocol);
    if (wanted !== null || !taken.has(portName({ port, protocol }))) return port;
  }
  throw new BerthError("port_unavailable", `no free ${protocol} port was found on this node in ${TRIES} tries`);
}

async function tryPort(port: number, protocol: PortProtocol): Promise<number> {
  try {
    return await (protocol === "tcp" ? tryTcp(port) : tryUdp(port));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EADDRINUSE" && code !== "EACCES") throw error;
    const why = code === "EACCES" ? "may not be used" : "is in use by another program";
    throw new BerthError("port_unavailable", `port ${portName({ port, protocol })} of this node ${why}`, { cause: error });
  }
}

async function tryTcp(port: number): Promise<number> {
  const server = createServer().listen({ port, host: "0.0.0.0", exclusive: true });
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : port;
}

async function tryUdp(port: number): Promise<number> {
  const socket = createSocket("udp4").bind({ port, address: "0.0.0.0", exclusive: true });
  await once(socket, "listening");
  const address = socket.address();
  socket.close();
  await once(socket, "close");
  return address.port;
}
