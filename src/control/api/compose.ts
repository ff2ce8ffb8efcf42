import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { type Clock, systemClock } from "../../shared/domain/index.ts";
import { createMetrics, type Logger, type Metrics, recordPending } from "../../shared/observe/index.ts";
import { createRegistryAccess, type RegistryAccess } from "../../shared/oci/index.ts";
import {
  createImageLookup,
  createLookupRule,
  DEFAULT_LOOKUP,
  type ImageLookup,
  type LookupPolicy,
  readImageFacts,
} from "../images/index.ts";
import { createLeader, createNodeSync, createScheduleLoop, type Leader, type ScheduleLoop, type Stores } from "../jobs/index.ts";
import { type ClusterSnapshot, createIncrementalDecide, decide, type PlacementKinds, type Plan } from "../scheduler/index.ts";
import type { ApiDeps } from "./api-deps.ts";
import { createApp } from "./app.ts";
import { loadAdminToken } from "./auth/admin-token.ts";
import { withPresetJoinToken } from "./auth/preset-join-token.ts";
import { type DeferredStores, deferStores } from "./deferred-stores.ts";
import { createHints, type SwitchedHints } from "./hints.ts";
import { createLocalConnections, type LocalConnections } from "./listeners.ts";
import { createLogStore, type LogStore } from "./logs/log-store.ts";
import { observedJobs } from "./observed-jobs.ts";
import { packageVersion } from "./package-version.ts";
import { createWakeStreams, type WakeStreams } from "./streams/wake-streams.ts";
import { shownCertificate } from "./tls/client-certificate.ts";
import { type CaFiles, type ClusterCa, createClusterCa } from "./tls/cluster-ca.ts";

/** What an operator may say of the scheduling. */
export interface SchedulingPolicy {
  /** Default: fair. */
  queueing?: "fair" | "service";
  /** Default: LIMITS.arrayTasks. */
  maxArrayTasks?: number;
  /** Running jobs that may be moved within an hour; absent moves none. */
  movesPerHour?: number;
  /** Default: pack everywhere. */
  placement?: PlacementKinds;
  /** What becomes of a job that no node could ever run. Default: pend. */
  neverFits?: "refuse" | "pend";
  /** Which registries are asked about images. Default: DEFAULT_LOOKUP. */
  imageLookup?: LookupPolicy;
  /** Default: DEFAULTS.diagnoseAfter. */
  diagnoseAfterSeconds?: number;
}

/** Somebody waits for the answer of a plan. */
const PLAN_LOOKUP_MS = 3000;

export interface WingOptions {
  dataDir: string;
  leaseSeconds?: number;
  joinTokenFile?: string;
  policy: SchedulingPolicy;
  /** Clients reach it by TLS. */
  secure: boolean;
  caFiles: CaFiles | null;
  nodeCertificateMs?: number;
  logger: Logger;
  stopping: AbortSignal;
}

/** The control plane's parts, wired; nothing runs or listens yet. */
export interface Wing {
  app: FastifyInstance;
  loop: ScheduleLoop;
  leader: Leader;
  deferred: DeferredStores;
  hints: SwitchedHints;
  imageLookup: ImageLookup;
  registries: RegistryAccess;
  wake: WakeStreams;
  logs: LogStore;
  local: LocalConnections;
  ca: ClusterCa;
}

/**
 * Makes the parts and the admin token's file; stores answer redis_unavailable until `deferred.set`.
 * @throws BerthError forbidden when others may read the admin token
 */
export async function composeWing(options: WingOptions): Promise<Wing> {
  const { dataDir, leaseSeconds, joinTokenFile, policy, logger, stopping } = options;
  const { diagnoseAfterSeconds, maxArrayTasks, movesPerHour, neverFits, placement, queueing } = policy;
  const clock = systemClock();
  const version = packageVersion();
  const metrics = createMetrics({ version });
  const deferred = deferStores();
  const { tokens } = deferred.stores;
  const stores: Stores = {
    ...deferred.stores,
    jobs: observedJobs(deferred.stores.jobs, metrics),
    tokens: joinTokenFile === undefined ? tokens : withPresetJoinToken(tokens, joinTokenFile),
  };
  const wake = createWakeStreams();
  const local = createLocalConnections();
  const hints = createHints({ wakeScheduler: () => loop.wake(), nudgeNode: wake.nudge });
  const lease = leaseSeconds === undefined ? {} : { leaseSeconds };
  const leader = createLeader({
    store: stores.leader,
    holder: randomUUID(),
    clock,
    onChange: (leads) => {
      metrics.schedulerLeader.set(leads ? 1 : 0);
      if (leads) loop.wake();
    },
    log: logger.child({ room: "scheduler" }),
  });
  const lookup = policy.imageLookup ?? DEFAULT_LOOKUP;
  const rule = createLookupRule(lookup);
  const loop = createScheduleLoop({
    store: stores.jobs,
    arrays: stores.arrays,
    nodes: stores.nodes,
    projects: stores.projects,
    reservations: stores.reservations,
    isHeld: rule.awaits,
    ...(queueing === undefined ? {} : { queueing }),
    ...(movesPerHour === undefined ? {} : { movesPerHour }),
    ...(placement === undefined ? {} : { placement }),
    decide: timedDecide(metrics, clock),
    leader,
    queues: hints,
    clock,
    onPreempted: (reason) => metrics.preemptions.inc({ reason }),
    log: logger.child({ room: "scheduler" }),
    ...lease,
  });
  const sync = createNodeSync({
    store: stores.jobs,
    nodes: stores.nodes,
    clock,
    wakeScheduler: (reason) => void hints.wakeScheduler(reason),
    nudgeNode: (nodeId) => void hints.nudgeNode(nodeId),
    ...(diagnoseAfterSeconds === undefined ? {} : { diagnoseAfterSeconds }),
    ...lease,
  });
  const logs = createLogStore({ root: join(dataDir, "logs"), logger, onStored: (bytes) => metrics.logBytes.inc(bytes) });
  const ca = createClusterCa({
    folder: join(dataDir, "control"),
    files: options.caFiles,
    clock,
    ...(options.nodeCertificateMs === undefined ? {} : { nodeLifetimeMs: options.nodeCertificateMs }),
  });
  const registries = createRegistryAccess({ env: process.env, clock, privateHosts: lookup.registries });
  const imageLookup = createImageLookup({
    jobs: stores.jobs,
    arrays: stores.arrays,
    registries,
    rule,
    clock,
    wakeScheduler: (reason) => void hints.wakeScheduler(reason),
  });
  const admin = await loadAdminToken(join(dataDir, "control", "admin-token"));
  const isLocal: ApiDeps["isLocal"] = (request) => local.has(request.raw.socket);
  const app = await createApp({
    stores,
    sync,
    decide,
    ...(queueing === undefined ? {} : { queueing }),
    ...(maxArrayTasks === undefined ? {} : { maxArrayTasks }),
    ...(movesPerHour === undefined ? {} : { movesPerHour }),
    ...(neverFits === undefined ? {} : { neverFits }),
    ...(placement === undefined ? {} : { placement }),
    lookUpImage: (job) => void (rule.wants(job) ? hints.lookUpImage(job.id) : undefined),
    readImage: async (spec, signal) => (rule.asks(spec) ? readImageFacts(registries, spec, signal, PLAN_LOOKUP_MS) : null),
    queues: hints,
    logs,
    wake,
    metrics,
    admin,
    clock,
    logger,
    version,
    isLocal,
    shownCertificate: (request) => shownCertificate(request.raw.socket, clock.now()),
    ca,
    secure: options.secure,
    stopping,
  });
  return { app, loop, leader, deferred, hints, imageLookup, registries, wake, logs, local, ca };
}

function timedDecide(metrics: Metrics, clock: Clock): (snapshot: ClusterSnapshot, now: number) => Plan {
  const decideAgain = createIncrementalDecide();
  return (snapshot: ClusterSnapshot, now: number) => {
    const started = clock.monotonic();
    const plan = decideAgain(snapshot, now);
    metrics.schedulerCycle.observe((clock.monotonic() - started) / 1000);
    recordPending(metrics, plan.reasons);
    return plan;
  };
}
