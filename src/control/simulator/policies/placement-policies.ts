import { BerthError } from "../../../shared/domain/index.ts";
import {
  type Ask,
  expectedAsks,
  leastFragmentation,
  leastWorthLost,
  type PlacementPolicy,
  type Room,
  typicalAsks,
} from "../../scheduler/index.ts";
import type { Random } from "../random/random.ts";
import { bestFitPolicy, dotProductPolicy, gpuClusteringPolicy, gpuPackingPolicy, randomPolicy } from "./peers.ts";

export interface PolicyInputs {
  rooms: readonly Room[];
  /** What was asked before: where the expected mix comes from. */
  history: readonly Ask[];
  random: Random;
}

const MAKERS = {
  random: ({ random }) => randomPolicy(random),
  "dot-product": () => dotProductPolicy,
  "gpu-clustering": () => gpuClusteringPolicy(),
  "gpu-packing": () => gpuPackingPolicy,
  "best-fit": () => bestFitPolicy,
  fgd: ({ history }) => leastFragmentation(typicalAsks(history)),
  berth: ({ rooms, history }) => leastWorthLost(rooms, expectedAsks(history)),
} satisfies Record<string, (inputs: PolicyInputs) => PlacementPolicy>;

export type PlacementPolicyName = keyof typeof MAKERS;

export const PLACEMENT_POLICIES = Object.keys(MAKERS) as PlacementPolicyName[];

/** @throws BerthError invalid_request that names those there are */
export function placementPolicyName(name: string): PlacementPolicyName {
  if (!Object.hasOwn(MAKERS, name)) {
    throw new BerthError("invalid_request", `no placement policy '${name}' (there are: ${PLACEMENT_POLICIES.join(", ")})`);
  }
  return name as PlacementPolicyName;
}

/** A policy for one run: some keep what they have placed, so none may serve two. */
export function placementPolicy(name: PlacementPolicyName, inputs: PolicyInputs): PlacementPolicy {
  const make: (inputs: PolicyInputs) => PlacementPolicy = MAKERS[name];
  return make(inputs);
}
