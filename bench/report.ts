import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import type { Row } from "./measure.ts";

interface Result {
  topic: string;
  measuredAt: string;
  machine: string;
  notes: string[];
  rows: Row[];
}

/** Writes bench/results/<topic>.json and makes bench/RESULTS.md anew from all topics. */
export function report(topic: string, rows: Row[], notes: string[]): void {
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`;
  const result: Result = { topic, measuredAt: new Date().toISOString(), machine, notes, rows };
  mkdirSync("bench/results", { recursive: true });
  writeFileSync(`bench/results/${topic}.json`, `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync("bench/RESULTS.md", markdown(readAll()));
  process.stdout.write(markdown([result]));
}

function readAll(): Result[] {
  const files = readdirSync("bench/results").filter((name) => name.endsWith(".json"));
  return files.toSorted().map((name) => JSON.parse(readFileSync(`bench/results/${name}`, "utf8")) as Result);
}

function markdown(results: Result[]): string {
  const intro =
    "# Measurements\n\nMade by `npm run bench:<topic>`: ours and the peers' in turn, in one run on one machine. Below 1 is better than the peer.\n";
  return `${intro}${results.map(section).join("")}`;
}

function section(result: Result): string {
  const lines = result.rows.map(
    ({ name, ours, peer, peerName, ratio, unit, n }) =>
      `| ${name} | ${ours} ${unit} | ${peer === null ? "" : `${peer} ${unit}`} | ${peerName ?? ""} | ${ratio ?? ""} | ${n} |`,
  );
  const notes = result.notes.map((note) => `- ${note}\n`).join("");
  return `\n## ${result.topic}\n${result.machine}; ${result.measuredAt.slice(0, 10)}\n\n| row | Berth | peer | peer is | ratio | n |\n|---|---|---|---|---|---|\n${lines.join("\n")}\n\n${notes}`;
}
