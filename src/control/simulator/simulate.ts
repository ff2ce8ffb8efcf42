import { BerthError } from "../../shared/domain/index.ts";
import { type ClusterSnapshot, FAIR_POLICY, SERVICE_POLICY } from "../scheduler/index.ts";
import { muriJobs } from "./muri/muri-trace.ts";
import { MURI_POLICIES, type MuriPolicyName, type MuriResult, runMuri } from "./muri/run-muri.ts";
import { openbNodes, openbPods } from "./placement/openb.ts";
import { runPlacement } from "./placement/run-placement.ts";
import { PLACEMENT_POLICIES, placementPolicyName } from "./policies/placement-policies.ts";
import { readReplayNodes } from "./replay/read-cluster.ts";
import { readReplayJobs } from "./replay/read-jobs.ts";
import type { ReplayJob, ReplayNode } from "./replay/replay-job.ts";
import { type ReplayReport, replayReport } from "./replay/replay-report.ts";
import { runReplay } from "./replay/run-replay.ts";

export interface SimulationInput {
  /** Text of the trace and of the cluster file. */
  trace: string;
  cluster: string;
  /** A name, or JSON: {"queueing": "fair" | "service" | {...}, "placement": {...}, "projects": [...]}. */
  policy: string;
  seed: number;
  restartSeconds: number;
  passSeconds: number;
}

export type Simulation =
  | { kind: "replay"; policy: string; report: ReplayReport }
  /** Percent of the GPUs asked for -> percent allocated; pods never leave. */
  | { kind: "placement"; policy: string; seed: number; allocation: { asked: number; allocated: number }[] }
  | { kind: "muri"; policy: string; result: MuriResult };

export const QUEUEING_NAMES = ["fair", "service"] as const;

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
  return simulateReplay({ ...input, jobs: readReplayJobs(input.trace), nodes: readReplayNodes(input.cluster) });
}

export interface ReplayInput extends Pick<SimulationInput, "policy" | "restartSeconds" | "passSeconds"> {
  jobs: readonly ReplayJob[];
  nodes: readonly ReplayNode[];
}

/** As `simulate`, of jobs and machines that were read elsewhere. @throws BerthError invalid_request */
export function simulateReplay({ jobs, nodes, policy, restartSeconds, passSeconds }: ReplayInput): Simulation {
  const replay = runReplay({ jobs, nodes, policy: replayPolicy(policy), restartSeconds, passSeconds });
  return { kind: "replay", policy, report: replayReport(replay) };
}

function replayPolicy(policy: string): Pick<ClusterSnapshot, "queueing" | "placement" | "projects"> {
  if (!policy.trimStart().startsWith("{")) return { queueing: queueingOf(policy) };
  let given: Record<string, unknown>;
  try {
    given = JSON.parse(policy) as Record<string, unknown>;
  } catch (error) {
    throw new BerthError("invalid_request", `the policy is not JSON: ${String(error)}`);
  }
  const unknown = Object.keys(given).filter((key) => !["queueing", "placement", "projects"].includes(key));
  if (unknown.length > 0) throw new BerthError("invalid_request", `the policy has an unknown field '${unknown[0]}'`);
  const { queueing = "fair", ...others } = given;
  return { ...others, queueing: typeof queueing === "string" ? queueingOf(queueing) : (queueing as typeof FAIR_POLICY) };
}

function queueingOf(name: string) {
  if (name === "fair") return FAIR_POLICY;
  if (name === "service") return SERVICE_POLICY;
  const known = [...QUEUEING_NAMES, ...PLACEMENT_POLICIES, ...MURI_POLICIES].join(", ");
  throw new BerthError("invalid_request", `no policy '${name}' (there are: ${known}, and a file with JSON)`);
}
