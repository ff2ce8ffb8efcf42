import type { Server } from "node:http";
import { join } from "node:path";
import { errorText, systemClock } from "../../shared/domain/index.ts";
import { createLogger, type Logger } from "../../shared/observe/index.ts";
import { createImageQueue, createQueues, type ImageQueue, type Queues } from "../queue/index.ts";
import { composeWing, type SchedulingPolicy, type Wing } from "./compose.ts";
import { listenLocal, listenTcp, parseListen } from "./listeners.ts";
import { parseRedisAddress, reachRedis } from "./reach-redis.ts";
import type { CaFiles } from "./tls/cluster-ca.ts";
import { listenSecure } from "./tls/listen-secure.ts";
import { isLoopback } from "./tls/server-names.ts";

export interface ControlPlaneOptions extends SchedulingPolicy {
  /** /var/lib/berth */
  dataDir: string;
  /** /run/berth: api.sock appears here. */
  runDir: string;
  /** HOST:PORT; port 0 takes a free one. */
  listen: string;
  /** unix:///PATH, redis://... or rediss://... */
  redis: string;
  leaseSeconds?: number;
  /** A file with a join token that does not expire, besides those that people make. */
  joinTokenFile?: string;
  /**
   * Whether clients reach it by TLS. `auto`: on every address but loopback, which only this machine reaches; `plain`: nowhere, for a
   * network that is trusted or a proxy in front.
   */
  tls?: "auto" | "always" | "plain";
  /** Names and addresses by which clients reach it, besides those of this machine. */
  tlsNames?: readonly string[];
  /** The cluster's CA; by default one is made in the data dir. Several control planes need the same. */
  caFiles?: CaFiles;
  /** How long the certificates of nodes are valid, milliseconds. */
  nodeCertificateMs?: number;
  /** The Redis is our own child: its settings must be right. */
  embedded: boolean;
  logger?: Logger;
  /** Called once both addresses accept connections, with "http(s)://HOST:PORT". */
  onListening?: (url: string) => void;
}

/** How long open answers may take to end; the supervisor waits 5 s. */
const DRAIN_MS = 3000;
const CLOSE_MS = 1000;
const IDLE_EVERY_MS = 50;

/**
 * Runs the control plane until the signal aborts, then stops cleanly and resolves. It listens before Redis answers, so that
 * health and a clear 503 are there from the start.
 * @throws BerthError data_dir_locked, invalid_request, missing_requirement; Node's error when the port is taken
 */
export async function runControlPlane(options: ControlPlaneOptions, signal: AbortSignal): Promise<void> {
  const logger = options.logger ?? createLogger({ name: "control-plane" });
  const redis = parseRedisAddress(options.redis);
  const listen = parseListen(options.listen);
  const failed = new AbortController();
  const stopping = AbortSignal.any([signal, failed.signal]);
  const lease = options.leaseSeconds === undefined ? {} : { leaseSeconds: options.leaseSeconds };
  const preset = options.joinTokenFile === undefined ? {} : { joinTokenFile: options.joinTokenFile };
  const secure = servesTls(options.tls ?? "auto", listen.host);
  const lifetime = options.nodeCertificateMs === undefined ? {} : { nodeCertificateMs: options.nodeCertificateMs };
  const certified = { secure, caFiles: options.caFiles ?? null, ...lifetime };
  const wing = await composeWing({ dataDir: options.dataDir, logger, stopping, ...certified, ...lease, ...preset, policy: options });
  let localServer: Server | null = null;
  let secureServer: Server | null = null;
  let queues: Queues | null = null;
  let images: ImageQueue | null = null;
  try {
    localServer = await listenLocal(wing.app, join(options.runDir, "api.sock"), wing.local);
    let url: string;
    if (secure) {
      const names = options.tlsNames ?? [];
      const secured = { ca: wing.ca, address: listen, names, clock: systemClock(), log: logger, stopping };
      ({ server: secureServer, url } = await listenSecure(wing.app, secured));
    } else url = await listenTcp(wing.app, listen);
    if (!secure && !isLoopback(listen.host)) logger.warn({ url }, "the API is served without TLS: its network must be trusted");
    logger.info({ url, socket: join(options.runDir, "api.sock") }, "control plane listens");
    options.onListening?.(url);
    const stores = await reachRedis(redis, options.embedded, logger, systemClock(), stopping);
    if (stores) {
      wing.deferred.set(stores);
      queues = createQueues({
        redis,
        onWakeScheduler: () => wing.loop.wake(),
        onNudgeNode: wing.wake.nudge,
        log: logger.child({ room: "queue" }),
      });
      images = createImageQueue({ redis, lookUp: wing.imageLookup.lookUp, log: logger.child({ room: "queue" }) });
      wing.hints.use(queues, images);
      await Promise.all([wing.loop.run(stopping), wing.leader.run(stopping)]);
    }
  } finally {
    failed.abort();
    await stop(wing, [localServer, secureServer], [queues, images], logger);
  }
}

function servesTls(mode: "auto" | "always" | "plain", host: string): boolean {
  return mode === "always" || (mode === "auto" && !isLoopback(host));
}

/** Ends followed streams, finishes what is being answered, then lets go of Redis and the logs. Every step is bounded. */
async function stop(
  wing: Wing,
  own: readonly (Server | null)[],
  queues: readonly (Pick<Queues, "close"> | null)[],
  logger: Logger,
): Promise<void> {
  logger.info("control plane stops");
  wing.wake.closeAll();
  const servers = [wing.app.server, ...own.filter((server) => server !== null)];
  // A connection whose stream has just ended is idle, but was not when the listeners closed.
  const idle = setInterval(() => servers.forEach((server) => void server.closeIdleConnections()), IDLE_EVERY_MS);
  const hardStop = setTimeout(() => servers.forEach((server) => void server.closeAllConnections()), DRAIN_MS);
  await Promise.all([
    attempt("close the listener", wing.app.close(), logger),
    ...own.map((server) => attempt("close a listener", closeServer(server), logger)),
  ]);
  clearInterval(idle);
  clearTimeout(hardStop);
  await within(CLOSE_MS, attempt("close the queues", Promise.all(queues.map((queue) => queue?.close())), logger));
  await within(CLOSE_MS, attempt("close the connections to registries", wing.registries.close(), logger));
  await within(CLOSE_MS, attempt("close the stores", wing.deferred.stores.close(), logger));
  await attempt("close the logs", wing.logs.close(), logger);
}

function closeServer(server: Server | null): Promise<void> {
  return new Promise((resolve) => {
    if (server === null) return resolve();
    server.close(() => resolve());
  });
}

async function attempt(what: string, work: Promise<unknown>, logger: Logger): Promise<void> {
  await work.catch((error: unknown) => logger.warn({ err: errorText(error) }, `cannot ${what}`));
}

async function within(milliseconds: number, work: Promise<void>): Promise<void> {
  const limit = new AbortController();
  await Promise.race([
    work,
    systemClock()
      .sleep(milliseconds, limit.signal)
      .catch(() => undefined),
  ]);
  limit.abort();
}
