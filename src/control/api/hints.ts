import type { ImageQueue, Queues } from "../queue/index.ts";

type Hints = Pick<Queues, "wakeScheduler" | "nudgeNode">;

/** Hints go through the queues once Redis was reached, and straight to this process before that. */
export interface SwitchedHints extends Hints {
  use(queues: Hints, images: Pick<ImageQueue, "add">): void;
  /** Dropped until Redis was reached: nothing can be submitted before. Never rejects. */
  lookUpImage(jobId: string): Promise<void>;
}

/** `here` is this process alone: before Redis was reached there is no other to tell. */
export function createHints(here: { wakeScheduler(): void; nudgeNode(nodeId: string): void }): SwitchedHints {
  let queues: Hints | null = null;
  let images: Pick<ImageQueue, "add"> | null = null;
  return {
    wakeScheduler: async (reason) => (queues ? queues.wakeScheduler(reason) : here.wakeScheduler()),
    nudgeNode: async (nodeId) => (queues ? queues.nudgeNode(nodeId) : here.nudgeNode(nodeId)),
    lookUpImage: async (jobId) => images?.add(jobId),
    use: (real, realImages) => {
      queues = real;
      images = realImages;
    },
  };
}
