import type { FastifyRequest } from "fastify";
import type { Clock, Job, JobSpec } from "../../shared/domain/index.ts";
import type { Logger, Metrics } from "../../shared/observe/index.ts";
import type { ImageFacts } from "../images/index.ts";
import type { NodeSync, Stores } from "../jobs/index.ts";
import type { Queues } from "../queue/index.ts";
import type { ClusterSnapshot, PlacementKinds, Plan } from "../scheduler/index.ts";
import type { AdminToken } from "./auth/admin-token.ts";
import type { LogStore } from "./logs/log-store.ts";
import type { WakeStreams } from "./streams/wake-streams.ts";
import type { ShownCertificate } from "./tls/client-certificate.ts";
import type { ClusterCa } from "./tls/cluster-ca.ts";

/** All that the routes stand on; wired in compose.ts, and by tests over the memory stores. */
export interface ApiDeps {
  stores: Stores;
  sync: NodeSync;
  /** The scheduler's own, with its policy: explanations agree with it. */
  decide: (snapshot: ClusterSnapshot, now: number) => Plan;
  /** The scheduling loop's; absent is fair share. */
  queueing?: "fair" | "service";
  /** The scheduling loop's; absent: running jobs are not moved. */
  movesPerHour?: number;
  /** The scheduling loop's; absent packs everywhere. */
  placement?: PlacementKinds;
  /** Absent: LIMITS.arrayTasks. */
  maxArrayTasks?: number;
  /** Absent: they wait, with the reason. */
  neverFits?: "refuse" | "pend";
  /** Has the registry asked what a new job's image requires. Must not throw. Absent: nobody asks. */
  lookUpImage?: (job: Job) => void;
  /** What the registry says of the image of a planned job, within a few seconds; null when it is not asked. Absent: none is asked. */
  readImage?: (spec: JobSpec, signal: AbortSignal) => Promise<ImageFacts | null>;
  queues: Pick<Queues, "wakeScheduler" | "nudgeNode">;
  logs: LogStore;
  wake: WakeStreams;
  metrics: Metrics;
  admin: AdminToken;
  clock: Clock;
  logger: Logger;
  version: string;
  /** True for a request that came in by the local socket. */
  isLocal(request: FastifyRequest): boolean;
  /** What the connection of the request proves. @throws BerthError certificate_invalid */
  shownCertificate(request: FastifyRequest): ShownCertificate;
  ca: Pick<ClusterCa, "authority" | "issueNode">;
  /** Clients reach this control plane by TLS: tokens carry the CA's fingerprint. */
  secure: boolean;
  /** Aborts when the control plane stops: followed streams then end with a note. */
  stopping: AbortSignal;
  /** Followed streams at a time; default 1000. */
  mostFollowers?: number;
}
