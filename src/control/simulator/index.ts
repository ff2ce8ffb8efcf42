export { type MuriJob, muriJobs } from "./muri/muri-trace.ts";
export { MURI_POLICIES, type MuriPolicyName, type MuriResult, runMuri } from "./muri/run-muri.ts";
export { openbNodes, openbPods, type Pod } from "./placement/openb.ts";
export { runPlacement } from "./placement/run-placement.ts";
export { PLACEMENT_POLICIES, type PlacementPolicyName, placementPolicyName } from "./policies/placement-policies.ts";
export { type JobRun, type QueueReport, reportOf } from "./queueing/partition-report.ts";
export { type PartitionJob, partitionJobs, partitionNodes } from "./queueing/partition-trace.ts";
export { QUEUE_PEERS, type QueuePeer, runPeer } from "./queueing/peers.ts";
export { runPartition } from "./queueing/run-partition.ts";
