import { BerthError } from "../../shared/domain/index.ts";
import type { NodeCapacity, ProjectShare } from "../scheduler/index.ts";
import { muriJobs } from "./muri/muri-trace.ts";
import { MURI_POLICIES, type MuriPolicyName, type MuriResult, runMuri } from "./muri/run-muri.ts";
import { openbNodes, openbPods } from "./placement/openb.ts";
import { runPlacement } from "./placement/run-placement.ts";
import { PLACEMENT_POLICIES, placementPolicyName } from "./policies/placement-policies.ts";
import { readReplayNodes } from "./replay/read-cluster.ts";
import { readReplayJobs } from "./replay/read-jobs.ts";
import { QUEUEING_NAMES, queueingNamed, type ReplayPolicy, readPolicy } from "./replay/read-policy.ts";
import type { ReplayJob } from "./replay/replay-job.ts";
import { type ReplayReport, replayReport } from "./replay/replay-report.ts";
import { type ReplaySettings, runReplay } from "./replay/run-replay.ts";
import { capacityOf } from "./replay/snapshot-parts.ts";

export interface SimulationInput extends ReplaySettings {
  /** Text of the trace and of the cluster file. */
  trace: string;
  cluster: string;
  /** A name, or JSON, see read-policy.ts. */
  policy: string;
  seed: number;
}

export type Simulation =
  | { kind: "replay"; policy: string; report: ReplayReport }
  /** Percent of the GPUs asked for -> percent allocated; pods never leave. */
  | { kind: "placement"; policy: string; seed: number; allocation: { asked: number; allocated: number }[] }
  | { kind: "muri"; policy: string; result: MuriResult };

/** Runs a trace under a policy. The same input gives the same result. @throws BerthError invalid_trace, invalid_request */
export function simulate(input: SimulationInput): Simulation {
  const { policy, seed } = input;
  if ((MURI_POLICIES as readonly string[]).includes(policy)) {
    return { kind: "muri", policy, result: runMuri(muriJobs(input.trace), policy as MuriPolicyName) };
  }
  if ((PLACEMENT_POLICIES as readonly string[]).includes(policy)) {
    const [nodes, pods] = [openbNodes(input.cluster), openbPods(input.trace)];
    const curve = runPlacement({ nodes, pods, policy: placementPolicyName(policy), seed });
    return { kind: "placement", policy, seed, allocation: [...curve].map(([asked, allocated]) => ({ asked, allocated })) };
  }
  return simulateReplay({ ...input, jobs: readReplayJobs(input.trace), nodes: simulatedNodes(input.cluster) });
}

/** The machines of a cluster file, or of "8x4". @throws BerthError invalid_trace */
export function simulatedNodes(cluster: string): NodeCapacity[] {
  return readReplayNodes(cluster).map(capacityOf);
}

export interface ReplayInput extends ReplaySettings {
  jobs: readonly ReplayJob[];
  nodes: NodeCapacity[];
  policy: string;
  /** Where the policy names none. */
  projects?: readonly ProjectShare[];
}

/** As `simulate`, of jobs and machines that were read elsewhere. @throws BerthError invalid_request */
export function simulateReplay({ policy, projects = [], ...input }: ReplayInput): Simulation {
  const given = replayPolicy(policy);
  const shares = given.projects === undefined && projects.length > 0 ? { projects: [...projects] } : {};
  return { kind: "replay", policy, report: replayReport(runReplay({ ...input, policy: { ...shares, ...given } })) };
}

function replayPolicy(policy: string): ReplayPolicy {
  if (policy.trimStart().startsWith("{")) return readPolicy(policy);
  const queueing = queueingNamed(policy);
  if (queueing !== null) return { queueing };
  const known = [...QUEUEING_NAMES, ...PLACEMENT_POLICIES, ...MURI_POLICIES].join(", ");
  throw new BerthError("invalid_request", `no policy '${policy}' (there are: ${known}, and a file with JSON)`);
}
