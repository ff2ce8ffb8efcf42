import type { Ask, Room } from "./room.ts";

/** How good one node is for one ask, and which of its GPUs to take. */
export interface Choice {
  /** Higher is better; equal ones go to the first node in order. */
  score: number;
  /** Positions in `room.gpuMillis`. */
  gpus: number[];
}

/** Scores a node that fits the ask. Pure in (room, ask): scores are remembered until the node changes. */
export interface PlacementPolicy {
  name: string;
  choose(room: Room, ask: Ask): Choice;
  /** Told after each booking, for policies that remember more than the room shows. */
  booked?(room: Room, ask: Ask): void;
}
