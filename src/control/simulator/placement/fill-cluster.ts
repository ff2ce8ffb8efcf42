import { type Ask, book, fitsRoom, gpuMillisLeft, type PlacementPolicy, type Room } from "../../scheduler/index.ts";
import type { Pod } from "./openb.ts";

/** Allocation after each percent of the cluster's GPUs was asked for: arrived percent -> percent allocated. */
export type AllocationCurve = Map<number, number>;

export interface FillOptions {
  /** In this order equal scores are broken. They are not changed. */
  rooms: readonly Room[];
  arrivals: readonly Pod[];
  policy: PlacementPolicy;
  /** False where the policy draws lots: nothing may be remembered. */
  remember?: boolean;
}

/** Pods arrive one by one and never leave; one that fits nowhere is lost. The rule of the FGD paper's experiments. */
export function fillCluster({ rooms: empty, arrivals, policy, remember = true }: FillOptions): { curve: AllocationCurve; rooms: Room[] } {
  const rooms = empty.map((room) => ({ ...room, gpuMillis: [...room.gpuMillis] }));
  const total = rooms.reduce((sum, room) => sum + gpuMillisLeft(room), 0);
  const scores = new ScoreMemory(rooms, policy, remember);
  const sums = new Map<number, { sum: number; events: number }>();
  let [asked, used] = [0, 0];
  for (const { ask } of arrivals) {
    const best = scores.best(ask);
    if (best !== -1) {
      scores.place(best, ask);
      used += ask.gpus * ask.gpuMillis;
    }
    asked += ask.gpus * ask.gpuMillis;
    const percent = Math.round((asked * 100) / total);
    const at = sums.get(percent) ?? { sum: 0, events: 0 };
    at.sum += (used * 100) / total;
    at.events += 1;
    sums.set(percent, at);
  }
  return { curve: new Map([...sums].map(([percent, { sum, events }]) => [percent, sum / events])), rooms };
}

const INFEASIBLE = Number.NEGATIVE_INFINITY;

/** Scores by kind of ask and node, kept until the node changes. */
class ScoreMemory {
  private readonly rooms: Room[];
  private readonly policy: PlacementPolicy;
  private readonly remember: boolean;
  private readonly kinds = new Map<string, Float64Array>();

  constructor(rooms: Room[], policy: PlacementPolicy, remember: boolean) {
    this.rooms = rooms;
    this.policy = policy;
    this.remember = remember;
  }

  /** Position of the best node; -1 when none fits. */
  best(ask: Ask): number {
    const scores = this.scoresOf(ask);
    let [best, highest] = [-1, INFEASIBLE];
    for (let index = 0; index < this.rooms.length; index += 1) {
      let score = scores[index] ?? INFEASIBLE;
      if (Number.isNaN(score)) {
        const room = this.rooms[index] as Room;
        score = fitsRoom(room, ask) ? this.policy.choose(room, ask).score : INFEASIBLE;
        if (this.remember || score === INFEASIBLE) scores[index] = score;
      }
      if (score > highest) [best, highest] = [index, score];
    }
    return best;
  }

  place(index: number, ask: Ask): void {
    const room = this.rooms[index] as Room;
    book(room, ask, this.policy.choose(room, ask).gpus);
    this.policy.booked?.(room, ask);
    for (const scores of this.kinds.values()) scores[index] = Number.NaN;
  }

  private scoresOf(ask: Ask): Float64Array {
    const key = `${ask.cpuMillis} ${ask.memoryBytes} ${ask.gpus} ${ask.gpuMillis} ${ask.gpuModels === null ? "" : [...ask.gpuModels].join("|")}`;
    let scores = this.kinds.get(key);
    if (scores === undefined) {
      scores = new Float64Array(this.rooms.length).fill(Number.NaN);
      this.kinds.set(key, scores);
    }
    return scores;
  }
}
