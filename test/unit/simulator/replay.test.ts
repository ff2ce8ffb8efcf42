import { describe, expect, test } from "vitest";
import {
  readReplayJobs,
  readReplayNodes,
  type Simulation,
  type SimulationInput,
  simulate,
  simulationChart,
} from "../../../src/control/simulator/index.ts";
import { traceText } from "../../support/traces.ts";

function run(trace: string, changes: Partial<SimulationInput> = {}): Simulation {
  return simulate({ trace, cluster: "1x2", policy: "fair", seed: 1, restartSeconds: 0, passSeconds: 300, ...changes });
}

function reportOf(simulation: Simulation) {
  if (simulation.kind !== "replay") throw new Error(`not a replay: ${simulation.kind}`);
  return simulation.report;
}

const HEADER = "id,submit_s,duration_s,gpus";

describe("replaying a trace", () => {
  test("two jobs of two GPUs run one after the other on one machine", () => {
    const report = reportOf(run(`${HEADER}\na,0,100,2\nb,10,50,2\n`));
    expect(report.jct).toMatchObject({ average: (100 + 140) / 2 });
    expect(report.queueing).toMatchObject({ average: 45, p50: 90 });
    expect(report).toMatchObject({ jobs: 2, makespan: 150, utilisationPercent: 100, preemptions: 0 });
  });

  test("a job larger than the cluster never starts, and the others do", () => {
    const report = reportOf(run(`${HEADER}\nbig,0,100,3\nsmall,0,50,1\n`));
    expect(report.neverStarted).toEqual(["big"]);
    expect(report.jobs).toBe(1);
  });

  test("a cluster without machines runs nothing, and an empty trace is an empty report", () => {
    expect(reportOf(run(`${HEADER}\na,0,100,1\n`, { cluster: "name,gpus\n" }))).toMatchObject({
      jobs: 0,
      neverStarted: ["a"],
      utilisationPercent: 0,
    });
    expect(reportOf(run(`${HEADER}\n`))).toMatchObject({ jobs: 0, makespan: 0 });
  });

  test("JSON and CSV of the same jobs give the same result", () => {
    const jobs = [
      { id: "a", submit_s: 0, duration_s: 100, gpus: 1, project: "p" },
      { id: "b", submit_s: 5, duration_s: 10, gpus: 2, project: "q" },
    ];
    const csv = `${HEADER},project\na,0,100,1,p\nb,5,10,2,q\n`;
    expect(run(JSON.stringify(jobs))).toEqual(run(csv));
  });

  test("jobs of a partition stay on its machines", () => {
    const cluster = "vc,nodes\nx,1\ny,1\n";
    const trace = "job_id,vc,submit_s,gpus,duration_s\n1,x,0,8,100\n2,x,0,8,100\n3,y,0,8,100\n";
    expect(reportOf(run(trace, { cluster }))).toMatchObject({ makespan: 200, jobs: 3 });
  });

  test("a Muri trace runs under the scheduler's own policies, the same each time", () => {
    const trace = traceText("muri_trace3.csv.gz").split("\n").slice(0, 100).join("\n");
    const simulation = run(trace, { cluster: "8x8", policy: "service", passSeconds: 86_400 });
    expect(reportOf(simulation).jobs).toBe(99);
    expect(run(trace, { cluster: "8x8", policy: '{"queueing": "service"}', passSeconds: 86_400 })).toMatchObject({
      report: reportOf(simulation),
    });
    expect(simulationChart(simulation)).toMatch(/^<svg [\s\S]*polyline[\s\S]*<\/svg>\n$/);
  });
});

describe("bad input", () => {
  test.each([
    ["id,submit_s,gpus\na,0,1\n", /the trace has the columns id,submit_s,gpus; known are/],
    [`${HEADER}\na,0,soon,1\n`, /line 2 of the trace: 'duration_s' must be a number, is 'soon'/],
    [`${HEADER}\na,0,10,-1\n`, /job a of the trace: counts must be whole/],
    [`${HEADER}\n\n\na,0,soon,1\n`, /line 4 of the trace/],
    [`${HEADER}\na,0,10\n`, /line 2 of the trace: 'gpus' must be a number, is ''/],
    [`${HEADER}\na,0,10,1.5\n`, /job a of the trace: counts must be whole \(gpus also a part between 0 and 1\)/],
    [`${HEADER}\na,0,10,0.0001\n`, /job a of the trace: counts must be whole/],
    [`${HEADER}\na,0,10,1\na,5,10,1\n`, /the trace has two jobs a/],
    [`${HEADER}\n,0,10,1\n`, /the trace has a job without an id/],
    ["[{", /the trace is not JSON/],
    ["", /the trace is empty: not even a header/],
    ['{"jobs": []}', /a trace in JSON is a list of jobs/],
    ["[3]", /a trace in JSON is a list of jobs/],
    [`${HEADER}\na,0,1,000,8\n`, /line 2 of the trace has 5 cells, the header 4/],
    [`${HEADER},time_limit\na,0,10,1,5\n`, /the trace has a column 'time_limit'; known are id,.*time_limit_s/],
  ])("the trace %j is refused with what is wrong", (trace, message) => {
    expect(() => readReplayJobs(trace)).toThrow(message);
  });

  test("quoted cells may hold commas and quotes, and an empty JSON list has no jobs", () => {
    const [job] = readReplayJobs(`${HEADER},project,user\n"a,1",0,"10",1,"","say ""x"""\n`);
    expect(job).toMatchObject({ id: "a,1", durationSeconds: 10, project: "default", user: 'say "x"' });
    const rows = [{ id: "b,2", submit_s: 0, duration_s: 5, gpus: 1 }];
    expect(readReplayJobs(JSON.stringify(rows))).toMatchObject([{ id: "b,2", durationSeconds: 5 }]);
    expect(readReplayJobs("[]")).toEqual([]);
  });

  test("an unknown policy, policy field or cluster file is refused by name", () => {
    expect(() => run(`${HEADER}\na,0,1,1\n`, { policy: "best" })).toThrow(/no policy 'best' \(there are: fair, service, random/);
    expect(() => run(`${HEADER}\na,0,1,1\n`, { policy: '{"queue": 1}' })).toThrow(/unknown field 'queue'/);
    expect(() => run(`${HEADER}\na,0,1,1\n`, { policy: "{" })).toThrow(/the policy is not JSON/);
    expect(() => readReplayNodes("host,gpus\n")).toThrow(/the cluster file has the columns host,gpus/);
  });

  test.each([
    ["name,gpus\na,-1\n", /machine a of the cluster: gpus must be a whole number of 0 to 1024/],
    ["name,gpus\na,1.5\n", /machine a of the cluster/],
    ["name,gpus,cpu_milli\na,1,-5\n", /machine a of the cluster/],
    ["name,gpus\na,1\na,2\n", /the cluster has two machines a/],
    ["name,gpus\n,1\n", /the cluster has a machine without a name/],
    ["vc,nodes\nx,2.5\n", /a cluster has a whole number of 0 to 100000 machines, not 2.5/],
    ["99999999999x8", /machines, not 99999999999/],
    ["", /the cluster file is empty/],
    ["name,gpus,memory_mib\na,1,much\n", /line 2 of the cluster file: 'memory_mib' must be a number, is 'much'/],
    ["name,gpus,memory_gib\na,1,4\n", /the cluster file has a column 'memory_gib'; known are name,gpus,/],
  ])("the cluster %j is refused with what is wrong", (cluster, message) => {
    expect(() => readReplayNodes(cluster)).toThrow(message);
  });

  test.each([
    ['{"projects": {}}', /projects must be a list/],
    ['{"projects": [{"weight": 1}]}', /a project must have a name/],
    ['{"projects": [{"name": "a"}, {"name": "a"}]}', /two projects have the same name/],
    ['{"projects": [{"name": "a", "parent": "b"}]}', /project a has no parent b/],
    ['{"projects": [{"name": "a", "parent": "b"}, {"name": "b", "parent": "a"}]}', /project a would be below itself: a -> b -> a/],
    ['{"projects": [{"name": "a", "weight": null}]}', /the weight of project a must be a number not below 0, is null/],
    ['{"projects": [{"name": "a", "weight": 0}]}', /the weight of project a must be above 0/],
    ['{"projects": [{"name": "a", "quotaGpus": -1}]}', /quotaGpus of project a must be a number not below 0/],
    ['{"projects": [{"name": "a", "limits": {"gpu": 1}}]}', /limits of project a has an unknown field 'gpu'/],
    ['{"queueing": {"kind": "lottery"}}', /queueing must be fair or service/],
    ['{"queueing": {"kind": "fair", "minRunMs": "soon"}}', /queueing.minRunMs must be a number/],
    ['{"placement": {"kind": "scatter"}}', /a placement must be pack or spread, is "scatter"/],
  ])("the policy %s is refused with what is wrong", (policy, message) => {
    expect(() => run(`${HEADER}\na,0,1,1\n`, { policy })).toThrow(message);
  });
});
