import type { ClusterSnapshot, Plan } from "./snapshot.ts";

/** Pure: the same snapshot and time give the same plan. */
export function decide(_snapshot: ClusterSnapshot, _now: number): Plan {
  throw new Error("not yet");
}
