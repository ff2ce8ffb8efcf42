import { chmod, mkdir, unlink } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { dirname } from "node:path";
import type { FastifyInstance } from "fastify";
import { BerthError } from "../../shared/domain/index.ts";

/** The local socket's connections, by which requests are known to come from the operator. */
export interface LocalConnections {
  has(socket: unknown): boolean;
  add(socket: Socket): void;
}

/** Held weakly: a connection that is gone leaves nothing behind. */
export function createLocalConnections(): LocalConnections {
  const sockets = new WeakSet<object>();
  return {
    has: (socket) => typeof socket === "object" && socket !== null && sockets.has(socket),
    add: (socket) => void sockets.add(socket),
  };
}

/** Far above a thousand agents and their followers, far below what would starve the process of descriptors. */
export const MOST_CONNECTIONS = 8192;

/** Of the servers that are not Fastify's own. */
export const SERVER_LIMITS = { maxHeaderSize: 16 * 1024, headersTimeout: 15_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 };

export interface ListenAddress {
  host: string;
  port: number;
}

/** "127.0.0.1:8470", "[::]:8470". @throws BerthError invalid_request */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) throw new BerthError("invalid_request", `${JSON.stringify(text)} is not HOST:PORT`);
  return { host, port };
}

/** Serves the app on TCP. Returns the address, with the port that was chosen for port 0. */
export async function listenTcp(app: FastifyInstance, address: ListenAddress): Promise<string> {
  app.server.maxConnections = MOST_CONNECTIONS;
  return app.listen({ ...address, backlog: 1024 });
}

/**
 * Serves the same app on a unix socket that only its owner can open. A socket file left by a dead process is removed;
 * one that somebody answers on is not.
 * @throws BerthError data_dir_locked when another control plane answers there
 */
export async function listenLocal(app: FastifyInstance, path: string, local: LocalConnections): Promise<Server> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await removeStale(path);
  const server = createServer(SERVER_LIMITS, (request, response) => app.routing(request, response));
  server.maxConnections = MOST_CONNECTIONS;
  server.on("connection", (socket) => local.add(socket));
  // The mask closes the moment between bind and chmod.
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(before);
  }
  await chmod(path, 0o600);
  return server;
}

async function removeStale(path: string): Promise<void> {
  if (await answers(path)) throw new BerthError("data_dir_locked", `another control plane answers on ${path}`);
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED" || error.code === "ENOTSOCK") resolve(false);
      else reject(error);
    });
  });
}
