import { Queue, Worker } from "bullmq";
import type { Redis } from "ioredis";
import { errorText } from "../../shared/domain/index.ts";
import { coalesce } from "./coalesce.ts";
import { type QueueAddress, sendingConnection, waitingConnection } from "./connections.ts";
import { startWatchdog } from "./watchdog.ts";
import { within } from "./within.ts";

const PREFIX = "{berth-queue}";
const QUEUE = "hints";
/** Over pub/sub to every replica: BullMQ gives a job to one, but only one holds the agent's wake stream. */
const NUDGE_CHANNEL = "{berth-queue}:nudge";
const CANARY_CHANNEL = "{berth-queue}:canary";
const CLOSE_MS = 2000;

export interface QueuesOptions {
  /** Where Redis is; the queues use database 1, apart from the truth. */
  redis: QueueAddress;
  /** Runs a scheduling pass soon, in whichever replica the wake-up lands. Must be quick and idempotent. */
  onWakeScheduler: (reasons: string[]) => void;
  /** Called in EVERY replica: the one that holds the node's wake stream writes a line on it. */
  onNudgeNode: (nodeId: string) => void;
  log?: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  /** For tests. */
  watchdogTiming?: { canaryMs: number; silenceMs: number };
}

/** Hints between processes. Lost, doubled or late ones only delay: everybody also looks every few seconds. */
export interface Queues {
  /** Never rejects: a hint that cannot be sent is dropped and logged. */
  wakeScheduler(reason: string): Promise<void>;
  /** Never rejects. */
  nudgeNode(nodeId: string): Promise<void>;
  close(): Promise<void>;
}

type Hint = { type: "wake"; reasons: string[] } | { type: "nudge"; nodeIds: string[] } | { type: "canary" };

/**
 * The only user of BullMQ. Jobs are tiny (ids only), handled in a millisecond and idempotent, so a doubled or stalled one
 * is harmless; deleting every key of the queue only delays. Handlers in this process are called at once, without the way
 * through Redis; the queued copy is for the other replicas.
 */
export function createQueues(options: QueuesOptions): Queues {
  const { redis, onWakeScheduler, onNudgeNode, log } = options;
  const sender = sendingConnection(redis);
  const subscriber = waitingConnection(redis);
  const connections = [sender, subscriber];
  const onError = (error: unknown) => log?.warn({ error: errorText(error) }, "queue connection");
  for (const connection of connections) connection.on("error", onError);

  // BullMQ remembers for ever that its first command failed: a queue is made when the connection is ready, and made again
  // after a failure.
  let queue: Queue<Hint> | null = null;
  const send = async (hint: Hint): Promise<boolean> => {
    try {
      if (sender.status !== "ready") throw new Error("redis is not reachable");
      queue ??= openQueue(sender, onError);
      await queue.add(hint.type, hint);
      return true;
    } catch (error) {
      void queue?.close().catch(onError);
      queue = null;
      log?.warn({ hint: hint.type, error: errorText(error) }, "hint dropped");
      return false;
    }
  };

  const handle = async (hint: Hint) => {
    if (hint.type === "wake") onWakeScheduler(hint.reasons);
    else if (hint.type === "canary") await sender.publish(CANARY_CHANNEL, "");
    else for (const nodeId of hint.nodeIds) await sender.publish(NUDGE_CHANNEL, nodeId);
  };

  const startWorker = () => {
    const connection = waitingConnection(redis);
    connection.on("error", onError);
    const worker = new Worker<Hint>(QUEUE, ({ data }) => handle(data), { connection, prefix: PREFIX, concurrency: 4, maxStalledCount: 1 });
    worker.on("error", onError);
    return { worker, connection };
  };
  let current = startWorker();

  const watchdog = startWatchdog(
    () => send({ type: "canary" }),
    () => {
      log?.warn({}, "the queue's worker is silent: starting a new one");
      void endWorker(current);
      current = startWorker();
    },
    options.watchdogTiming,
  );
  subscriber.on("message", (channel, nodeId) => (channel === CANARY_CHANNEL ? watchdog.heard() : onNudgeNode(nodeId)));
  subscriber.on("ready", () => void subscriber.subscribe(NUDGE_CHANNEL, CANARY_CHANNEL).catch(onError));

  const sendWakes = coalesce(async (reasons) => void (await send({ type: "wake", reasons })));
  const sendNudges = coalesce(async (nodeIds) => void (await send({ type: "nudge", nodeIds })));
  return {
    wakeScheduler: (reason) => {
      onWakeScheduler([reason]);
      return sendWakes(reason);
    },
    nudgeNode: (nodeId) => {
      onNudgeNode(nodeId);
      return sendNudges(nodeId);
    },
    close: async () => {
      watchdog.stop();
      await endWorker(current);
      // The connections are ours: BullMQ's own close has nothing left to do.
      for (const connection of connections) connection.disconnect();
    },
  };
}

function openQueue(connection: Redis, onError: (error: unknown) => void): Queue<Hint> {
  const queue = new Queue<Hint>(QUEUE, {
    connection,
    prefix: PREFIX,
    skipWaitingForReady: true,
    streams: { events: { maxLen: 100 } },
    defaultJobOptions: { removeOnComplete: { count: 100, age: 3600 }, removeOnFail: { count: 100, age: 24 * 3600 }, attempts: 1 },
  });
  queue.on("error", onError);
  return queue;
}

async function endWorker({ worker, connection }: { worker: Worker<Hint>; connection: { disconnect(): void } }): Promise<void> {
  // Forced: whatever it was handling is handled again by another, or by the next look.
  await within(CLOSE_MS, worker.close(true));
  connection.disconnect();
}
