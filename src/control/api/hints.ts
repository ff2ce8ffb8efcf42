import type { Queues } from "../queue/index.ts";

type Hints = Pick<Queues, "wakeScheduler" | "nudgeNode">;

/** Hints go through the queues once Redis was reached, and straight to this process before that. */
export interface SwitchedHints extends Hints {
  use(queues: Hints): void;
}

export function createHints(here: { wakeScheduler(): void; nudgeNode(nodeId: string): void }): SwitchedHints {
  let queues: Hints | null = null;
  return {
    wakeScheduler: async (reason) => (queues ? queues.wakeScheduler(reason) : here.wakeScheduler()),
    nudgeNode: async (nodeId) => (queues ? queues.nudgeNode(nodeId) : here.nudgeNode(nodeId)),
    use: (real) => {
      queues = real;
    },
  };
}
