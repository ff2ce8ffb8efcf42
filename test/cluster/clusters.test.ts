import { describe, expect, test } from "vitest";
import { decide } from "../../src/control/scheduler/index.ts";
import { type ClusterCase, NOW, snapshotOf } from "./cluster-case.ts";
import { GANG_CASES } from "./gang-cases.ts";
import { MOVE_CASES } from "./move-cases.ts";
import { PLACEMENT_CASES } from "./placement-cases.ts";
import { PORT_CASES } from "./port-cases.ts";
import { QUOTA_CASES } from "./quota-cases.ts";
import { RULE_CASES } from "./rule-cases.ts";
import { SHARING_CASES } from "./sharing-cases.ts";
import { WAITING_CASES } from "./waiting-cases.ts";
import { WINDOW_CASES } from "./window-cases.ts";

function outcomeOf(cluster: ClusterCase) {
  const plan = decide(snapshotOf(cluster), NOW);
  const place = ({ nodeId, gpuUuids }: { nodeId: string; gpuUuids: string[] }) =>
    [nodeId, gpuUuids.map((uuid) => uuid.split("-").at(-1)).join(",")].filter(Boolean).join(":");
  return {
    placed: Object.fromEntries(plan.placements.map(({ jobId, assignments }) => [jobId, assignments.map(place)])),
    waits: Object.fromEntries(plan.reasons.map(({ jobId, reason }) => [jobId, reason])),
    stops: Object.fromEntries(plan.preemptions.flatMap(({ jobId, forJobId, kind }) => (kind === "move" ? [] : [[jobId, forJobId]]))),
    moved: Object.fromEntries(plan.preemptions.flatMap(({ jobId, forJobId, kind }) => (kind === "move" ? [[jobId, forJobId]] : []))),
  };
}

describe.each([
  { title: "who is placed where", cases: PLACEMENT_CASES },
  { title: "why a job waits", cases: WAITING_CASES },
  { title: "which nodes and GPUs a job may use", cases: RULE_CASES },
  { title: "what an operator reserves", cases: WINDOW_CASES },
  { title: "what a quota takes back", cases: QUOTA_CASES },
  { title: "who shares a GPU, and MIG devices", cases: SHARING_CASES },
  { title: "whose port of a node is whose", cases: PORT_CASES },
  { title: "who is moved so that another starts", cases: MOVE_CASES },
  { title: "how a gang lies on the nodes", cases: GANG_CASES },
])("$title", ({ cases }) => {
  test.each(cases)("$name", (cluster) => {
    const { placed = {}, waits = {}, stops = {}, moved = {} } = cluster;
    expect(outcomeOf(cluster)).toEqual({ placed, waits, stops, moved });
  });
});
