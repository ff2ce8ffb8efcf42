
export interface QueuesOptions {
  /** Where Redis is; the queues use database 1, apart from the truth. */
  redis: { unixPath: string } | { url: string };
  /** Runs a scheduling pass soon. Called in whichever replica the wake-up lands. Must be quick and idempotent. */
  onWakeScheduler: (reasons: string[]) => void;
  /** Called in EVERY replica: the one that holds the node's wake stream writes a line on it. */
  onNudgeNode: (nodeId: string) => void;
  log?: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

/** Hints between processes. Lost, doubled or late ones only delay: everybody also looks every few seconds. */
export interface Queues {
  /** Never rejects: a hint that cannot be sent is dropped (and logged). */
  wakeScheduler(reason: string): Promise<void>;
  /** Never rejects. */
  nudgeNode(nodeId: string): Promise<void>;
  close(): Promise<void>;
}


export function createQueues(_options: QueuesOptions): Queues {
  throw new Error("not yet");
}
