import { fragmentation } from "./fragmentation.ts";
import type { Choice, PlacementPolicy } from "./placement-policy.ts";
import { type Ask, book, firstThatFit, type Room } from "./room.ts";
import type { TypicalAsk } from "./typical-asks.ts";

/** FGD (ATC'23): the node whose fragmentation grows least. Scores are whole numbers 0..100, as its authors' simulator has them. */
export function leastFragmentation(typical: readonly TypicalAsk[]): PlacementPolicy {
  return {
    name: "fgd",
    choose(room, ask) {
      const before = fragmentation(room, typical);
      let best: Choice | null = null;
      for (const gpus of candidates(room, ask)) {
        const growth = fragmentation(after(room, ask, gpus), typical) - before;
        const score = Math.trunc(100 / (1 + Math.exp(growth / 1000)));
        if (best === null || score > best.score) best = { score, gpus };
      }
      return best ?? { score: 0, gpus: [] };
    },
  };
}

/** A share may go on any GPU it fits; whole GPUs are alike. */
export function candidates(room: Room, ask: Ask): number[][] {
  if (ask.gpus !== 1 || ask.gpuMillis === 1000) return [firstThatFit(room, ask)];
  const seen = new Set<number>();
  const found: number[][] = [];
  for (const [index, left] of room.gpuMillis.entries()) {
    if (left < ask.gpuMillis || seen.has(left)) continue;
    seen.add(left);
    found.push([index]);
  }
  return found;
}

/** A copy of the room with the ask booked on these GPUs. */
export function after(room: Room, ask: Ask, gpus: readonly number[]): Room {
  const copy = { ...room, gpuMillis: [...room.gpuMillis] };
  book(copy, ask, gpus);
  return copy;
}
