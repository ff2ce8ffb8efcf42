import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { SERVICE_POLICY } from "../../src/control/scheduler/index.ts";
import {
  partitionJobs,
  partitionNodes,
  QUEUE_PEERS,
  type QueuePeer,
  type QueueReport,
  reportOf,
  runPartition,
  runPeer,
} from "../../src/control/simulator/index.ts";
import { traceText } from "../../test/support/traces.ts";
import { type Row, row } from "../measure.ts";
import type { BenchPart } from "./part.ts";

/**
 * Philly's virtual clusters on half their nodes. BENCH_PHILLY names the whole trace (job_id,vc,submit_s,gpus,duration_s,
 * gzipped); without it the three partitions of the fixtures are run.
 */
export async function queueingPart(): Promise<BenchPart> {
  const file = process.env.BENCH_PHILLY;
  const csv = file === undefined ? traceText("philly_3_partitions.csv.gz") : gunzipSync(readFileSync(file)).toString();
  const partitions = partitionJobs(csv);
  const nodes = partitionNodes(traceText("philly_partition_nodes.csv"), "half");
  const over = (run: (vc: string) => ReturnType<typeof runPartition>) => reportOf([...partitions.keys()].flatMap(run));
  const jobs = (vc: string) => partitions.get(vc) ?? [];
  const peers = new Map(QUEUE_PEERS.map((peer) => [peer, over((vc) => runPeer(jobs(vc), nodes.get(vc) ?? 0, peer))]));
  const berth = over((vc) => runPartition(jobs(vc), nodes.get(vc) ?? 0, SERVICE_POLICY));
  const of = (peer: QueuePeer) => peers.get(peer) as QueueReport;
  const [oracle, las] = [of("srtf-oracle"), of("las")];
  const rows: Row[] = [
    { ...row("jct-vs-srtf-oracle", berth.avgJct / oracle.avgJct, null, "ratio", berth.jobs), limit: 1.12 },
    row("jct-vs-las", berth.avgJct / las.avgJct, null, "ratio", berth.jobs),
    row("jct-vs-fifo-backfill", berth.avgJct / of("fifo-backfill").avgJct, null, "ratio", berth.jobs),
    row("p99-wait-vs-las", berth.p99Wait / las.p99Wait, null, "ratio", berth.jobs),
    row("preemptions-vs-las", berth.preemptions / las.preemptions, null, "ratio", berth.jobs),
    row("gangs-p99-wait", berth.gangsP99Wait, { name: "LAS", value: las.gangsP99Wait }, "s", berth.gangs),
  ];
  const lines = [...peers, ["berth, service policy", berth] as const].map(([name, report]) => line(name, report)).join("");
  const head =
    "| policy | avg JCT | p50 | p90 | p99 | avg wait | p99 wait | longest wait | preemptions | gangs' avg JCT | gangs' p99 wait |\n";
  const title = `## Philly, ${partitions.size} virtual clusters on half their nodes, ${berth.jobs} jobs, ${berth.gangs} larger than a node\n`;
  const notes = [
    "Waits are until the first start, seconds. The oracles know every duration; Berth is told none.",
    "A preempted job loses 7, 30 or 60 s (1, up to 8, more GPUs). A job larger than a node takes whole nodes under Berth.",
  ];
  const markdown = `${title}\n${notes.join(" ")}\n\n${head}|${"---|".repeat(11)}\n${lines}`;
  return { name: "queueing", rows, notes, markdown };
}

function line(name: string, report: QueueReport): string {
  const { avgJct, p50Jct, p90Jct, p99Jct, avgWait, p99Wait, maxWait, preemptions, gangsAvgJct, gangsP99Wait } = report;
  const cells = [avgJct, p50Jct, p90Jct, p99Jct, avgWait, p99Wait, maxWait, preemptions, gangsAvgJct, gangsP99Wait];
  return `| ${name} | ${cells.map((cell) => cell.toFixed(0)).join(" | ")} |\n`;
}
