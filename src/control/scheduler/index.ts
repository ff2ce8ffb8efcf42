export { decide } from "./decide.ts";
export type { ActiveJob, Avoided, ClusterSnapshot, NodeCapacity, PendingJob, PendingReason, Placement, Plan } from "./snapshot.ts";
export { nodeCapacity } from "./feasible/node-capacity.ts";
