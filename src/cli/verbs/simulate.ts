import { readFile, writeFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { Command, Option } from "commander";
import {
  historyJobs,
  historyNodes,
  MURI_POLICIES,
  PLACEMENT_POLICIES,
  QUEUEING_NAMES,
  type Simulation,
  simulate,
  simulateReplay,
  simulationChart,
} from "../../control/simulator/index.ts";
import { BerthError, parseDurationSeconds } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { printValue } from "../output/formats.ts";
import { renderTable } from "../output/table.ts";
import { action, examples } from "../verb.ts";

interface SimulateOptions {
  trace?: string;
  fromCluster?: string;
  cluster: string;
  policy: string;
  seed: string;
  restart: string;
  passInterval: string;
  chart?: string;
  output: "table" | "json";
}

export function simulateVerb(io: CliIo): Command {
  const command = withHost(new Command("simulate"))
    .description("Run a trace of jobs through the scheduler and say how it went. Nothing is changed and no server is needed.")
    .option("--trace <file>", "jobs: Berth's CSV or JSON, Philly, Muri or openb; may be gzipped")
    .option("--from-cluster <period>", "replay the running cluster's own jobs of this long instead: 7d, 12h")
    .option("--cluster <file>", "nodes: a CSV file, or 8x4 for eight machines of four GPUs", "8x8")
    .option("--policy <policy>", `${QUEUEING_NAMES.join(", ")}, a JSON file, or a name below`, "fair")
    .option("--seed <number>", "of the placement experiment", "42")
    .option("--restart <seconds>", "what a preempted job loses when it starts again", "30")
    .option("--pass-interval <seconds>", "while jobs wait the scheduler looks again this often", "300")
    .option("--chart <file>", "draw allocation, fragmentation and queue over time (SVG)")
    .addOption(new Option("-o, --output <format>", "how to print").choices(["table", "json"]).default("table"))
    .addHelpText("after", FORMATS)
    .action(action(io, (options: SimulateOptions, self: Command) => runSimulation(io, options, self)));
  return examples(command, [
    "berth simulate --trace jobs.csv --cluster 8x8",
    "berth simulate --trace jobs.csv --cluster nodes.csv --policy service --chart run.svg",
    "berth simulate --from-cluster 7d --policy service  # your own history under another policy",
    "berth simulate --trace openb_pods.csv --cluster openb_nodes.csv --policy fgd --seed 43",
  ]);
}

const FORMATS = `
Trace, CSV with a header or a JSON list with the same names:
  id,submit_s,duration_s,gpus[,replicas,cpu_milli,memory_mib,gpu_model,project,user,priority,time_limit_s,partition]
  also read: Philly (job_id,vc,submit_s,gpus,duration_s), Muri, openb pod lists (with times; shares count as whole GPUs)
Cluster:
  name,gpus[,gpu_model,cpu_milli,memory_mib,partition]; vc,nodes; openb node lists
Policy, JSON:
  {"queueing": "fair" | "service" | {...}, "placement": {"kind": "pack" | "spread", "byPool": {...}}, "projects": [...]}
Published experiments:
  ${PLACEMENT_POLICIES.join(", ")}: openb pods arrive and never leave (FGD, ATC'23)
  ${MURI_POLICIES.join(", ")}: a Muri trace on 8 nodes of 8 GPUs (SIGCOMM'22)
`;

async function runSimulation(io: CliIo, options: SimulateOptions, self: Command): Promise<void> {
  const simulation = await simulationOf(io, options, self);
  if (options.chart !== undefined) await drawChart(io, simulation, options.chart);
  if (options.output === "json") return printValue(io, "json", simulation);
  const columns = [
    { title: "MEASURE", value: ([name]: readonly [string, string]) => name },
    { title: "VALUE", value: ([, value]: readonly [string, string]) => value, align: "right" as const },
  ];
  io.stdout.write(renderTable(columns, rowsOf(simulation), { headers: true, colour: io.colour.stdout }));
}

async function simulationOf(io: CliIo, options: SimulateOptions, self: Command): Promise<Simulation> {
  const input = {
    policy: options.policy.endsWith(".json") ? await textOf(options.policy) : options.policy,
    restartSeconds: count("--restart", options.restart),
    passSeconds: Math.max(1, count("--pass-interval", options.passInterval)),
  };
  if ((options.trace === undefined) === (options.fromCluster === undefined))
    throw new BerthError("invalid_request", "give either --trace FILE or --from-cluster PERIOD");
  if (options.fromCluster !== undefined) return simulateReplay({ ...input, ...(await history(io, options.fromCluster, self)) });
  const cluster = /^\d+x\d+$/.test(options.cluster) ? options.cluster : await textOf(options.cluster);
  return simulate({ ...input, trace: await textOf(options.trace ?? ""), cluster, seed: count("--seed", options.seed) });
}

async function history(io: CliIo, period: string, self: Command) {
  const since = io.clock.now() - parseDurationSeconds(period) * 1000;
  const api = await connectApi(io, self);
  const [jobs, nodes] = [await api.list({ states: ["succeeded", "failed", "cancelled"], tasks: true }), await api.nodes()];
  return { jobs: historyJobs(jobs, since), nodes: historyNodes(nodes) };
}

async function drawChart(io: CliIo, simulation: Simulation, file: string): Promise<void> {
  const chart = simulationChart(simulation);
  if (chart === null) io.stderr.write("this experiment has nothing over time to draw\n");
  else await writeFile(file, chart);
}

async function textOf(file: string): Promise<string> {
  try {
    const bytes = await readFile(file);
    return (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  } catch (error) {
    throw new BerthError("invalid_trace", `cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function count(option: string, value: string): number {
  const parsed = Number(value);
  if (!Number.isFinite(parsed) || parsed < 0)
    throw new BerthError("invalid_request", `${option} must be a number not below 0, is '${value}'`);
  return parsed;
}

function rowsOf(simulation: Simulation): (readonly [string, string])[] {
  const number = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 1 });
  if (simulation.kind === "placement") {
    return simulation.allocation
      .filter(({ asked }) => asked % 10 === 0 || asked === 95)
      .map(({ asked, allocated }) => [`allocated at ${asked} % asked`, `${allocated.toFixed(2)} %`] as const);
  }
  if (simulation.kind === "muri") {
    const { averageJct, p99Jct, makespan } = simulation.result;
    return [
      ["JCT average, s", number(averageJct)],
      ["JCT p99, s", number(p99Jct)],
      ["makespan, s", number(makespan)],
    ] as const satisfies (readonly [string, string])[];
  }
  const { report } = simulation;
  const { jct, queueing } = report;
  return [
    ["jobs", number(report.jobs)],
    ["never started", number(report.neverStarted.length)],
    ["JCT average, s", number(jct.average)],
    ["JCT p50, s", number(jct.p50)],
    ["JCT p99, s", number(jct.p99)],
    ["queueing average, s", number(queueing.average)],
    ["queueing p50, s", number(queueing.p50)],
    ["queueing p99, s", number(queueing.p99)],
    ["makespan, s", number(report.makespan)],
    ["utilisation, %", number(report.utilisationPercent)],
    ["fragmented, % of GPUs", number(report.fragmentedPercent)],
    ["preemptions", number(report.preemptions)],
    ["fairness (Jain, 1 is equal)", report.fairness.toFixed(3)],
  ];
}
