import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { fastify } from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CliIo } from "../../../src/cli/cli-io.ts";
import { simulateVerb } from "../../../src/cli/verbs/simulate.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { resourcesOf } from "../../support/control-samples.ts";
import { sampleJob } from "../cli/samples.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-simulate-"));
  await writeFile(join(folder, "jobs.csv"), "id,submit_s,duration_s,gpus,project\na,0,100,2,p\nb,10,50,2,q\nc,20,10,9,q\n");
});
afterAll(() => rm(folder, { recursive: true }));

async function simulated(...options: string[]): Promise<string> {
  return (await ran(["--trace", join(folder, "jobs.csv"), "--cluster", "1x2", ...options])).stdout;
}

async function ran(options: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io: CliIo = {
    ...{
      stdin: new PassThrough(),
      stdout,
      stderr,
      env: { BERTH_HOST: `unix://${folder}/api.sock` },
      colour: { stdout: false, stderr: false },
    },
    ...{ interactive: false, clock: systemClock(), onSignal: () => () => {}, exitCode: 0 },
  };
  await simulateVerb(io)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .parseAsync(options, { from: "user" });
  return { stdout: String(stdout.read()), stderr: String(stderr.read() ?? "") };
}

describe("berth simulate", () => {
  test("prints what became of the jobs as a table", async () => {
    const table = await simulated();
    expect(table).toMatch(/jobs +2\n/);
    expect(table).toMatch(/never started +1\n/);
    expect(table).toMatch(/JCT average, s +120\n/);
    expect(table).toMatch(/makespan, s +150\n/);
  });

  test("the guide's sample has the lines that are printed, and the chart's", async () => {
    const firstColumn = (text: string) => text.split("\n").flatMap((line) => /^(.*?) {2,}/.exec(line)?.[1] ?? []);
    const guide = await readFile(new URL("../../../docs/simulator.md", import.meta.url), "utf8");
    const sample = /\n(MEASURE[\s\S]*?)\nPROJECT/.exec(guide)?.[1] ?? "";
    expect(firstColumn(sample)).toEqual(firstColumn((await simulated()).split("\nPROJECT")[0] ?? ""));
    const drawn = await readFile(new URL("../../../docs/simulator/chart.svg", import.meta.url), "utf8");
    for (const line of ["allocated", "utilised", "fragmented", "waiting"]) expect(drawn).toContain(`>${line}</text>`);
  });

  test("prints all of it as JSON, with the cluster over time", async () => {
    const { kind, report } = JSON.parse(await simulated("-o", "json")) as {
      kind: string;
      report: { neverStarted: string[]; samples: unknown[] };
    };
    expect(kind).toBe("replay");
    expect(report.neverStarted).toEqual(["c"]);
    expect(report.samples.length).toBeGreaterThan(0);
  });

  test("names the jobs that never started", async () => {
    const { stderr } = await ran(["--trace", join(folder, "jobs.csv"), "--cluster", "1x2"]);
    expect(stderr).toBe("never started, as the empty cluster cannot run them: c\n");
  });

  test("replays the cluster's history on other machines where they are given", async () => {
    const app = fastify();
    const attempt = {
      epoch: 1,
      assignments: [],
      replicas: [],
      assignedAt: Date.now() - 2000,
      startedAt: Date.now() - 2000,
      stopReason: null,
    };
    const outcome = { cause: "exited" as const, exitCode: 0, message: "" };
    const times = { submittedAt: Date.now() - 3000, startedAt: Date.now() - 2000, finishedAt: Date.now() - 1000 };
    const job = sampleJob({ state: "succeeded", attempt, outcome, ...times }, { resources: resourcesOf({ gpus: 4 }) });
    app.get("/v1/jobs", () => ({ items: [job], nextCursor: null }));
    for (const path of ["/v1/nodes", "/v1/projects"]) app.get(path, () => ({ items: [] }));
    await app.listen({ path: join(folder, "api.sock") });
    try {
      expect((await ran(["--from-cluster", "1h"])).stdout).toMatch(/never started +1\n/);
      expect((await ran(["--from-cluster", "1h", "--cluster", "1x4"])).stdout).toMatch(/never started +0\n/);
    } finally {
      await app.close();
    }
  });

  test("draws a chart", async () => {
    const chart = join(folder, "run.svg");
    await simulated("--chart", chart);
    expect(await readFile(chart, "utf8")).toContain(">allocated</text>");
  });

  test("takes a policy from a JSON file", async () => {
    const policy = join(folder, "policy.json");
    await writeFile(policy, JSON.stringify({ queueing: "service", placement: { kind: "spread" } }));
    expect(await simulated("--policy", policy)).toMatch(/jobs +2\n/);
  });

  test("refuses numbers that are none, and files that are not there", async () => {
    await expect(simulated("--restart", "soon")).rejects.toThrow(
      /'--restart <seconds>' argument 'soon' is invalid. it must be a number not/,
    );
    await expect(simulated("--from-cluster", "7d")).rejects.toThrow("give either --trace FILE or --from-cluster PERIOD");
    await expect(simulated("--cluster", join(folder, "none.csv"))).rejects.toThrow(/cannot read .*none\.csv/);
    await expect(simulated("--chart", join(folder, "none", "run.svg"))).rejects.toThrow(/cannot write .*run\.svg/);
  });
});
