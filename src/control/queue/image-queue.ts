import { Queue, Worker } from "bullmq";
import { errorText } from "../../shared/domain/index.ts";
import { type QueueAddress, sendingConnection, waitingConnection } from "./connections.ts";
import { within } from "./within.ts";

const PREFIX = "{berth-queue}";
const QUEUE = "images";
/** Registries answer slowly; a few at a time keep a submission of hundreds from being all that the network does. */
const CONCURRENCY = 8;
const ATTEMPTS = 3;
const BACKOFF_MS = 500;
const CLOSE_MS = 2000;

export interface ImageQueueOptions {
  redis: QueueAddress;
  /** Must be idempotent: a stalled job is handled again. What it throws is retried. */
  lookUp(jobId: string, signal: AbortSignal): Promise<void>;
  log?: { warn(fields: object, message: string): void };
}

/** Look-ups of images, by the job that names them, in whichever control plane is free. One that is lost is not made up for. */
export interface ImageQueue {
  /** Never rejects: what cannot be sent is dropped and logged. */
  add(jobId: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts to work at once. What a look-up throws is tried again, ATTEMPTS times in all. */
export function createImageQueue({ redis, lookUp, log }: ImageQueueOptions): ImageQueue {
  const onError = (error: unknown) => log?.warn({ error: errorText(error) }, "image queue");
  const stopping = new AbortController();
  const [sender, receiver] = [sendingConnection(redis), waitingConnection(redis)];
  for (const connection of [sender, receiver]) connection.on("error", onError);
  const worker = new Worker<{ jobId: string }>(QUEUE, ({ data }) => lookUp(data.jobId, stopping.signal), {
    connection: receiver,
    prefix: PREFIX,
    concurrency: CONCURRENCY,
  });
  worker.on("error", onError);
  // Made anew after a failure: BullMQ remembers for ever that its first command failed.
  let queue: Queue<{ jobId: string }> | null = null;
  return {
    async add(jobId) {
      try {
        if (sender.status !== "ready") throw new Error("redis is not reachable");
        queue ??= openQueue(sender, onError);
        await queue.add("look-up", { jobId }, { jobId: `job-${jobId}` });
      } catch (error) {
        void queue?.close().catch(onError);
        queue = null;
        log?.warn({ jobId, error: errorText(error) }, "look-up of an image dropped");
      }
    },
    async close() {
      stopping.abort();
      await within(CLOSE_MS, worker.close(true));
      for (const connection of [sender, receiver]) connection.disconnect();
    },
  };
}

function openQueue(connection: ReturnType<typeof sendingConnection>, onError: (error: unknown) => void): Queue<{ jobId: string }> {
  const queue = new Queue<{ jobId: string }>(QUEUE, {
    connection,
    prefix: PREFIX,
    skipWaitingForReady: true,
    streams: { events: { maxLen: 100 } },
    defaultJobOptions: {
      attempts: ATTEMPTS,
      backoff: { type: "exponential", delay: BACKOFF_MS },
      removeOnComplete: true,
      removeOnFail: { count: 100, age: 3600 },
    },
  });
  queue.on("error", onError);
  return queue;
}
