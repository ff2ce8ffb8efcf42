export { decide } from "./decide.ts";
export type { JobWish } from "./explain/changed-job.ts";
export { changedJob } from "./explain/changed-job.ts";
export type { BlockedNodes, Explanation } from "./explain/explain-job.ts";
export { explainJob } from "./explain/explain-job.ts";
export type { StartingChange } from "./explain/starting-changes.ts";
export { nodeCapacity } from "./feasible/node-capacity.ts";
export { createIncrementalDecide } from "./incremental/incremental-decide.ts";
export { DEFAULT_PROJECT } from "./order/project-tree.ts";
export { heldShares, withUsage } from "./order/project-usage.ts";
export type { FairPolicy, ProjectLimits, ProjectShare, QueueingPolicy, ServicePolicy } from "./order/queueing-policy.ts";
export { FAIR_POLICY, NO_LIMITS, SERVICE_POLICY } from "./order/queueing-policy.ts";
export { type LinkedGpu, pickGpus } from "./place/pick-gpus.ts";
export type { DefragmentPolicy } from "./preempt/defragment-policy.ts";
export { givePromises } from "./preempt/promises.ts";
export { fragmentation } from "./score/fragmentation.ts";
export { leastFragmentation } from "./score/least-fragmentation.ts";
export { leastWorthLost } from "./score/least-worth-lost.ts";
export type { Choice, PlacementPolicy } from "./score/placement-policy.ts";
export type { Ask, Room } from "./score/room.ts";
export { book, firstThatFit, fitsRoom, gpuMillisLeft, WHOLE_GPU } from "./score/room.ts";
export { shareWorth } from "./score/share-prices.ts";
export type { TypicalAsk } from "./score/typical-asks.ts";
export { expectedAsks, typicalAsks } from "./score/typical-asks.ts";
export type {
  ActiveJob,
  Avoided,
  ClusterSnapshot,
  MigUnit,
  NodeCapacity,
  PendingJob,
  PendingKind,
  PendingReason,
  Placement,
  PlacementKinds,
  Plan,
  Preemption,
  PreemptionKind,
  Remaining,
} from "./snapshot.ts";
export type { DecayedUsage } from "./time/decayed-usage.ts";
export { accrue } from "./time/decayed-usage.ts";
export { jobGroup } from "./time/job-group.ts";
export type { ServiceHistory, SubmittedRun } from "./time/service-history.ts";
export { createServiceHistory } from "./time/service-history.ts";
export type { ReservedWindow } from "./time/windows.ts";
