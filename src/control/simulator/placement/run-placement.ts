import { gpuMillisLeft, type Room } from "../../scheduler/index.ts";
import { type PlacementPolicyName, placementPolicy } from "../policies/placement-policies.ts";
import { seededRandom, shuffled } from "../random/random.ts";
import { arrivals } from "./arrivals.ts";
import { type AllocationCurve, fillCluster } from "./fill-cluster.ts";
import type { Pod } from "./openb.ts";

/** Pods arrive until they asked for 1.3 times the cluster's GPUs. */
const TUNE = 1.3;

export interface PlacementRun {
  nodes: readonly Room[];
  pods: readonly Pod[];
  policy: PlacementPolicyName;
  seed: number;
}

/** One run of the FGD paper's experiment (ATC'23, section 6.2): percent of all GPUs allocated, by percent asked for. */
export function runPlacement({ nodes, pods, policy: name, seed }: PlacementRun): AllocationCurve {
  const random = seededRandom(seed);
  const total = nodes.reduce((sum, room) => sum + gpuMillisLeft(room), 0);
  const arriving = arrivals(pods, total, TUNE, random);
  const rooms = shuffled(nodes, random);
  const history = pods.map(({ ask }) => ask);
  const policy = placementPolicy(name, { rooms, history, random });
  return fillCluster({ rooms, arrivals: arriving, policy, remember: name !== "random" }).curve;
}
