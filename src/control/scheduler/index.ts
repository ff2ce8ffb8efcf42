export { decide } from "./decide.ts";
export type { ActiveJob, ClusterSnapshot, NodeCapacity, PendingJob, PendingReason, Placement, Plan } from "./snapshot.ts";
export { nodeCapacity } from "./snapshot.ts";
