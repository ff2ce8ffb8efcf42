import { constants } from "node:crypto";
import { createServer, type Server } from "node:https";
import { networkInterfaces } from "node:os";
import type { FastifyInstance } from "fastify";
import { type Clock, pause } from "../../../shared/domain/index.ts";
import type { Logger } from "../../../shared/observe/index.ts";
import { refuseBrokenHttp } from "../http/answer-errors.ts";
import { type ListenAddress, MOST_CONNECTIONS, SERVER_LIMITS } from "../listeners.ts";
import type { ClusterCa } from "./cluster-ca.ts";
import { serverNames } from "./server-names.ts";

export interface SecureListener {
  server: Server;
  /** "https://HOST:PORT", with the port that was chosen for port 0. */
  url: string;
}

export interface SecureListenOptions {
  ca: ClusterCa;
  address: ListenAddress;
  /** Further names that clients use. */
  names: readonly string[];
  clock: Clock;
  log: Logger;
  stopping: AbortSignal;
}

const CHECK_MS = 3_600_000;
/** Renewed when less is left. */
const LEAST_LEFT_MS = 10 * 86_400_000;

/**
 * Serves the app over TLS 1.2 and later. Clients are asked for a certificate but need none: users have tokens, and the routes of
 * nodes look at what was shown. The server's own key is never written to the disk; its certificate is renewed in time.
 */
export async function listenSecure(app: FastifyInstance, options: SecureListenOptions): Promise<SecureListener> {
  const { ca, address, clock } = options;
  const issue = () => ca.issueServer(serverNames(address.host, options.names, networkInterfaces()));
  let current = await issue();
  const { certificate: trusted } = await ca.authority();
  const asked = { requestCert: true, rejectUnauthorized: false, ca: trusted, minVersion: "TLSv1.2" as const };
  // No resumed sessions: each connection shows its certificate anew, so one that has ended is noticed.
  const contextOf = ({ chain, key }: typeof current) => ({ ...asked, cert: chain, key, secureOptions: constants.SSL_OP_NO_TICKET });
  const server = createServer({ ...SERVER_LIMITS, ...contextOf(current), handshakeTimeout: 10_000 }, (request, response) =>
    app.routing(request, response),
  );
  server.maxConnections = MOST_CONNECTIONS;
  server.on("clientError", refuseBrokenHttp);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...address, backlog: 1024 }, resolve);
  });
  const renew = async () => {
    if (current.endsAt - clock.now() > LEAST_LEFT_MS) return;
    current = await issue();
    server.setSecureContext(contextOf(current));
  };
  void renewUntil(renew, options);
  const { port } = server.address() as { port: number };
  return { server, url: `https://${address.host.includes(":") ? `[${address.host}]` : address.host}:${port}` };
}

async function renewUntil(renew: () => Promise<void>, { clock, log, stopping }: SecureListenOptions): Promise<void> {
  while (!stopping.aborted) {
    await pause(clock, CHECK_MS, stopping);
    if (!stopping.aborted) await renew().catch((error: unknown) => log.error({ err: error }, "cannot renew the server's certificate"));
  }
}
