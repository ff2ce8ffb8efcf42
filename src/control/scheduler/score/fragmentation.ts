import { type Ask, gpuMillisLeft, gpusThatFit, modelServes, type Room } from "./room.ts";
import type { TypicalAsk } from "./typical-asks.ts";

/**
 * FGD's fragmentation of one node (ATC'23, section 4.1): the thousandths of GPU that a typical ask could not use here,
 * averaged over the typical asks.
 */
export function fragmentation(room: Room, typical: readonly TypicalAsk[]): number {
  const left = gpuMillisLeft(room);
  let sum = 0;
  for (const { ask, weight } of typical) sum += weight * useless(room, ask, left);
  return sum;
}

function useless(room: Room, ask: Ask, left: number): number {
  if (ask.gpus === 0 || room.cpuMillis < ask.cpuMillis || !modelServes(room, ask)) return left;
  if (gpusThatFit(room, ask) < ask.gpus) return left;
  let tooSmall = 0;
  for (const gpu of room.gpuMillis) if (gpu < ask.gpuMillis) tooSmall += gpu;
  return tooSmall;
}
