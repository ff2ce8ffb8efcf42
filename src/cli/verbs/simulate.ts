import { readFile, writeFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { Command, InvalidArgumentError, Option } from "commander";
import {
  historyJobs,
  historyNodes,
  historyProjects,
  MURI_POLICIES,
  PLACEMENT_POLICIES,
  QUEUEING_NAMES,
  type Simulation,
  simulate,
  simulatedNodes,
  simulateReplay,
  simulationChart,
} from "../../control/simulator/index.ts";
import { BerthError, errorText, parseDurationSeconds } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { printValue } from "../output/formats.ts";
import { PROJECT_COLUMNS, SUMMARY_COLUMNS, summaryRows } from "../output/simulation-listing.ts";
import { renderTable } from "../output/table.ts";
import { action, examples } from "../verb.ts";

interface SimulateOptions {
  trace?: string;
  fromCluster?: string;
  cluster: string;
  policy: string;
  seed: number;
  restart: number;
  passInterval: number;
  checkpointInterval?: number;
  checkpointCost: number;
  checkpointGrace: number;
  defragment?: number;
  chart?: string;
  output: "table" | "json";
}

/** The same `decide` that production runs, here in this process; --from-cluster only reads. */
export function simulateVerb(io: CliIo): Command {
  const command = withHost(new Command("simulate"))
    .description("Run a trace of jobs through the scheduler and say how it went. Nothing is changed and no server is needed.")
    .option("--trace <file>", "jobs: Berth's CSV or JSON, Philly, Muri or openb; may be gzipped")
    .option("--from-cluster <period>", "replay the running cluster's own jobs of this long instead: 7d, 12h")
    .option("--cluster <file>", "nodes: a CSV file, or 8x4 for eight machines of four GPUs; with --from-cluster instead of its own", "8x8")
    .option("--policy <policy>", `${QUEUEING_NAMES.join(", ")}, a JSON file, or a name below`, "fair")
    .option("--seed <number>", "of the placement experiment", amount, 42)
    .option("--restart <seconds>", "what a preempted job loses when it starts again", amount, 30)
    .option("--pass-interval <seconds>", "while jobs wait the scheduler looks again this often", amount, 300)
    .option(
      "--checkpoint-interval <seconds>",
      "jobs save so often; 0 never: begin again when stopped (default: lose nothing but --restart)",
      amount,
    )
    .option("--checkpoint-cost <seconds>", "what one checkpoint takes; the job does not go on meanwhile", amount, 0)
    .option("--checkpoint-grace <seconds>", "what a job has to save when it must stop", amount, 60)
    .option("--defragment <moves>", "running jobs with checkpoints that may be moved within an hour, so that larger ones start", amount)
    .option("--chart <file>", "draw utilisation, allocation, fragmentation and queue over time (SVG)")
    .addOption(new Option("-o, --output <format>", "how to print").choices(["table", "json"]).default("table"))
    .addHelpText("after", FORMATS)
    .action(action(io, (options: SimulateOptions, self: Command) => runSimulation(io, options, self)));
  return examples(command, [
    "berth simulate --trace jobs.csv --cluster 8x8",
    "berth simulate --trace jobs.csv --cluster nodes.csv --policy service --chart run.svg",
    "berth simulate --trace jobs.csv --checkpoint-interval 600 --checkpoint-cost 15 --defragment 4",
    "berth simulate --from-cluster 7d --policy service  # your own history under another policy",
    "berth simulate --from-cluster 7d --cluster 12x8  # on other machines",
    "berth simulate --trace openb_pods.csv --cluster openb_nodes.csv --policy fgd --seed 43",
  ]);
}

const FORMATS = `
Trace, CSV with a header or a JSON list with the same names:
  id,submit_s,duration_s,gpus[,replicas,cpu_milli,memory_mib,gpu_model,project,user,priority,time_limit_s,partition,checkpoint_s]
  gpus may be a part of one (0.5); checkpoint_s is a job's own --checkpoint-interval
  also read: Philly (job_id,vc,submit_s,gpus,duration_s), Muri, openb pod lists (with times)
Cluster:
  name,gpus[,gpu_model,cpu_milli,memory_mib,partition]; vc,nodes; openb node lists
Policy, JSON:
  {"queueing": "fair" | "service" | {...}, "placement": {"kind": "pack" | "spread", "byPool": {...}}, "projects": [{"name",
   "parent", "weight", "quotaGpus", "limits"}]}; without projects those of the cluster, with --from-cluster
Published experiments:
  ${PLACEMENT_POLICIES.join(", ")}: openb pods arrive and never leave (FGD, ATC'23)
  ${MURI_POLICIES.join(", ")}: a Muri trace on 8 nodes of 8 GPUs (SIGCOMM'22)
`;

async function runSimulation(io: CliIo, options: SimulateOptions, self: Command): Promise<void> {
  const simulation = await simulationOf(io, options, self);
  if (options.chart !== undefined) await drawChart(io, simulation, options.chart);
  if (options.output === "json") return printValue(io, "json", simulation);
  const style = { headers: true, colour: io.colour.stdout };
  io.stdout.write(renderTable(SUMMARY_COLUMNS, summaryRows(simulation), style));
  sayNeverStarted(io, simulation);
  const projects = simulation.kind === "replay" ? simulation.report.fairness.projects : [];
  if (projects.length > 1) io.stdout.write(`\n${renderTable(PROJECT_COLUMNS, projects, style)}`);
}

const JOBS_NAMED = 8;

function sayNeverStarted(io: CliIo, simulation: Simulation): void {
  const ids = simulation.kind === "replay" ? simulation.report.neverStarted : [];
  if (ids.length === 0) return;
  const more = ids.length > JOBS_NAMED ? ` and ${ids.length - JOBS_NAMED} more` : "";
  io.stderr.write(`never started, as the empty cluster cannot run them: ${ids.slice(0, JOBS_NAMED).join(", ")}${more}\n`);
}

async function simulationOf(io: CliIo, options: SimulateOptions, self: Command): Promise<Simulation> {
  const input = {
    policy: options.policy.endsWith(".json") ? await textOf(options.policy) : options.policy,
    restartSeconds: options.restart,
    passSeconds: Math.max(1, options.passInterval),
    checkpointCostSeconds: options.checkpointCost,
    checkpointGraceSeconds: options.checkpointGrace,
    ...(options.checkpointInterval === undefined ? {} : { checkpointSeconds: options.checkpointInterval }),
    ...(options.defragment === undefined ? {} : { movesPerHour: options.defragment }),
  };
  if ((options.trace === undefined) === (options.fromCluster === undefined))
    self.error("error: give either --trace FILE or --from-cluster PERIOD");
  const cluster = /^\d+x\d+$/.test(options.cluster) ? options.cluster : await textOf(options.cluster);
  if (options.fromCluster !== undefined) {
    const own = await history(io, options.fromCluster, self, input.checkpointCostSeconds);
    const other = self.getOptionValueSource("cluster") === "cli" ? { nodes: simulatedNodes(cluster) } : {};
    return simulateReplay({ ...input, ...own, ...other });
  }
  return simulate({ ...input, trace: await textOf(options.trace ?? ""), cluster, seed: options.seed });
}

/** Arrays' own rows too, which may go on while tasks of theirs have ended. */
async function history(io: CliIo, period: string, self: Command, checkpointCost: number) {
  const since = io.clock.now() - parseDurationSeconds(period) * 1000;
  const api = await connectApi(io, self);
  const jobs = await api.list({ states: ["succeeded", "failed", "cancelled", "running", "stopping"], tasks: true });
  const projects = historyProjects(await api.projects());
  const replayed = historyJobs(jobs, since, checkpointCost);
  if (replayed.length === 0) io.stderr.write(`no job of the last ${period} has run to its end\n`);
  return { jobs: replayed, nodes: historyNodes(await api.nodes()), projects };
}

async function drawChart(io: CliIo, simulation: Simulation, file: string): Promise<void> {
  const chart = simulationChart(simulation);
  if (chart === null) io.stderr.write("this experiment has nothing over time to draw\n");
  else await writeFile(file, chart).catch((error: unknown) => refuse(`cannot write ${file}: ${errorText(error)}`));
}

async function textOf(file: string): Promise<string> {
  try {
    const bytes = await readFile(file);
    return (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  } catch (error) {
    throw new BerthError("invalid_trace", `cannot read ${file}: ${errorText(error)}`);
  }
}

function refuse(message: string): never {
  throw new BerthError("invalid_request", message);
}

function amount(text: string): number {
  const parsed = Number(text);
  if (text.trim() === "" || !Number.isFinite(parsed) || parsed < 0) throw new InvalidArgumentError("it must be a number not below 0.");
  return parsed;
}
