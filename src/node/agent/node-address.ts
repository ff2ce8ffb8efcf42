import { createSocket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { parseEndpoint } from "./endpoint.ts";

/**
 * Where peers reach this node: the source address of the route to the control plane. A control plane on the local
 * socket means one machine: 127.0.0.1. No packet is sent.
 */
export async function findNodeAddress(controlPlaneUrl: string): Promise<string> {
  const { socketPath, origin } = parseEndpoint(controlPlaneUrl);
  if (socketPath !== null) return "127.0.0.1";
  const { hostname, port } = new URL(origin);
  return (await sourceAddress(hostname.replace(/^\[|\]$/g, ""), Number(port) || 8470)) ?? firstAddress();
}

async function sourceAddress(host: string, port: number): Promise<string | null> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  try {
    socket.connect(port, host);
    await once(socket, "connect");
    return socket.address().address;
  } catch {
    // No route or no such name yet: the first address of the machine is the best guess.
    return null;
  } finally {
    socket.close();
  }
}

function firstAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find((candidate) => !candidate.internal && candidate.family === "IPv4")?.address ?? "127.0.0.1";
}
