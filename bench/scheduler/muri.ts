import { MURI_POLICIES, muriJobs, runMuri } from "../../src/control/simulator/index.ts";
import { traceTable, traceText } from "../../test/support/traces.ts";
import { type Row, row } from "../measure.ts";
import type { BenchPart } from "./part.ts";

const TRACES = ["trace1", "trace1_pr", "trace3", "trace3_pr"];
const NAMES = { srtf: "SRTF", srsf: "SRSF", las: "Tiresias_L" };

/** Muri's published runs (SIGCOMM'22, figures 9 and 10) made again: the proof that the queueing simulator is right. */
export async function muriPart(): Promise<BenchPart> {
  const rows: Row[] = [];
  const lines: string[] = [];
  let worst = 0;
  for (const trace of TRACES) {
    for (const policy of MURI_POLICIES) {
      const { averageJct } = runMuri(muriJobs(traceText(`muri_${trace}.csv.gz`)), policy);
      const published = Number(
        traceTable("muri_published.csv").find((entry) => entry["trace"] === trace && entry["policy"] === NAMES[policy])?.["avg_jct_s"],
      );
      worst = Math.max(worst, Math.abs(averageJct / published - 1) * 100);
      lines.push(
        `| ${trace} | ${policy} | ${averageJct.toFixed(0)} | ${published.toFixed(0)} | ${((averageJct / published - 1) * 100).toFixed(4)} % |\n`,
      );
    }
  }
  rows.push({ ...row("simulator-vs-muri-worst", worst, null, "%", lines.length), limit: 0.5 });
  const markdown = `## Muri's traces\n\nAverage JCT, seconds:\n\n| trace | policy | here | published | difference |\n|---|---|---|---|---|\n${lines.join("")}`;
  return { name: "muri", rows, notes: ["Deterministic: no seeds, no tolerance needed."], markdown };
}
