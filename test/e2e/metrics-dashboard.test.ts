import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Berth } from "../support/berth.ts";
import { freePort } from "../support/free-port.ts";
import { loadTinyImage } from "../support/load-tiny-image.ts";
import { until } from "../support/poll.ts";

let berth: Berth;
let prometheus: ChildProcess;
let folder: string;
let port: number;

interface Panel {
  title: string;
  panels?: Panel[];
  targets?: { expr: string }[];
}

beforeAll(async () => {
  const agentPort = await freePort();
  berth = await Berth.start({ simulateGpus: 2, extraArguments: ["--metrics-listen", `127.0.0.1:${agentPort}`] });
  await loadTinyImage(berth);
  folder = await mkdtemp(join(tmpdir(), "berth-prometheus-"));
  port = await freePort();
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    scrape_configs: [{ job_name: "berth", static_configs: [{ targets: [`127.0.0.1:${berth.port}`, `127.0.0.1:${agentPort}`] }] }],
  };
  await writeFile(join(folder, "prometheus.yml"), JSON.stringify(config));
  const args = [
    `--config.file=${join(folder, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  prometheus = spawn("prometheus", args, { stdio: "ignore" });
});

afterAll(async () => {
  if (prometheus && prometheus.exitCode === null) {
    const ended = new Promise((resolve) => prometheus.once("exit", resolve));
    prometheus.kill("SIGTERM");
    await ended;
  }
  if (folder) await rm(folder, { recursive: true, force: true });
  await berth?.dispose();
});

async function query(expr: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expr)}`);
  const body = (await answer.json()) as {
    status: string;
    error?: string;
    data: { result: { metric: Record<string, string>; value: [number, string] }[] };
  };
  if (body.status !== "success") throw new Error(`${expr}: ${body.error}`);
  return body.data.result;
}

test("every query of the dashboard answers with data on a live Berth", async () => {
  for (let round = 0; round < 3; round += 1) {
    const ran = await berth.cli("run", "--gpus", "1", "tiny", "true");
    expect(ran.code, ran.stderr).toBe(0);
  }
  const dashboard = JSON.parse(await readFile("charts/berth/dashboards/berth-overview.json", "utf8")) as { panels: Panel[] };
  const panels = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));
  expect(queries.length).toBeGreaterThan(15);
  for (const { title, expr } of queries) {
    await until(`"${title}" to have data: ${expr}`, 60, async () => (await query(expr)).length > 0);
  }
});

test("the numbers are those of the jobs that ran", async () => {
  await until("three successes", 60, async () => (await query('berth_jobs_finished_total{outcome="succeeded"}'))[0]?.value[1] === "3");
  expect((await query('sum(berth_node_gpus{state="free"})'))[0]?.value[1]).toBe("2");
  expect((await query("berth_build_info")).length).toBe(1);
});

test("prometheus accepts the exposition without a warning from promtool", async () => {
  const exposition = await (await fetch(`http://127.0.0.1:${berth.port}/metrics`)).text();
  const promtool = spawn("promtool", ["check", "metrics"], { stdio: ["pipe", "pipe", "pipe"] });
  let complaints = "";
  for (const stream of [promtool.stdout, promtool.stderr]) stream.on("data", (text: Buffer) => (complaints += text.toString()));
  promtool.stdin.end(exposition);
  const code = await new Promise((resolve) => promtool.once("close", resolve));
  // modelName is spelt as dcgm-exporter spells it, so that joins with its series work.
  const ours = complaints.split("\n").filter((line) => /^(berth|http)_/.test(line) && !/^berth_gpu_info .*camelCase/.test(line));
  expect(ours).toEqual([]);
  expect(complaints).not.toContain("error while linting");
  expect(code).not.toBeNull();
});
