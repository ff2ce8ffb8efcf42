import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { wantsColour } from "../../../src/cli/cli-io.ts";
import { jobOrTasks, unfoldTasks } from "../../../src/cli/client/job-names.ts";
import { describeJob } from "../../../src/cli/output/describe-job.ts";
import { printError } from "../../../src/cli/output/errors.ts";
import { type Format, printListing } from "../../../src/cli/output/formats.ts";
import { jobListing, nodesOrReason } from "../../../src/cli/output/job-listing.ts";
import { progressPrinter } from "../../../src/cli/output/progress.ts";
import { paint, printable } from "../../../src/cli/output/style.ts";
import { renderTable } from "../../../src/cli/output/table.ts";
import { BerthError, type Job } from "../../../src/shared/domain/index.ts";
import { capturedIo, sampleJob } from "./samples.ts";

const columns = [
  { title: "ID", value: (row: { id: number; name: string | null }) => row.id, align: "right" as const },
  { title: "NAME", value: (row: { id: number; name: string | null }) => row.name },
];

describe("tables", () => {
  test("are aligned, without blanks at the ends of lines, and show nothing as a dash", () => {
    const table = renderTable(
      columns,
      [
        { id: 7, name: "a" },
        { id: 10, name: null },
      ],
      { headers: true, colour: false },
    );
    expect(table).toBe("ID   NAME\n 7   a\n10   -\n");
  });
  test("can go without headers", () => {
    expect(renderTable(columns, [{ id: 1, name: "x" }], { headers: false, colour: false })).toBe("1   x\n");
  });
  test("colour does not change the alignment", () => {
    const row = [{ state: "running" }];
    const styled = [
      { title: "STATE", value: () => ({ text: "running", style: "green" as const }) },
      { title: "X", value: () => "x" },
    ];
    const plain = renderTable(styled, row, { headers: true, colour: true }).replace(/\u001b\[\d+m/g, "");
    expect(plain).toBe("STATE     X\nrunning   x\n");
  });
  test("show no control characters of others", () => {
    expect(renderTable(columns, [{ id: 1, name: "evil\u001b[2J\nname\u202e" }], { headers: false, colour: false })).toBe(
      "1   evil [2J name\n",
    );
    expect(printable("a\u009b31mb")).toBe("a 31mb");
  });
});

test("NO_COLOR wins, a pipe is plain, FORCE_COLOR asks for it", () => {
  expect(wantsColour({ NO_COLOR: "1", FORCE_COLOR: "1" }, true)).toBe(false);
  expect(wantsColour({}, undefined)).toBe(false);
  expect(wantsColour({ TERM: "xterm" }, true)).toBe(true);
  expect(wantsColour({ TERM: "dumb" }, true)).toBe(false);
  expect(wantsColour({ FORCE_COLOR: "1" }, false)).toBe(true);
  expect(paint("x", "red", false)).toBe("x");
});

describe("formats of a listing", () => {
  const print = async (output: Format, jobs: Job[]) => {
    const captured = capturedIo();
    await printListing(captured.io, { output, headers: true }, jobListing(1_010_000, new Map()), jobs);
    return captured;
  };
  test("json and yaml give the rows as the server sent them", async () => {
    const job = sampleJob();
    expect(JSON.parse((await print("json", [job])).stdout())).toEqual([job]);
    expect(parse((await print("yaml", [job])).stdout())).toEqual([job]);
  });
  test("name gives one handle a line", async () => {
    expect((await print("name", [sampleJob(), sampleJob({ id: "8" })])).stdout()).toBe("job/7\njob/8\n");
  });
  test("wide adds columns", async () => {
    expect((await print("wide", [sampleJob()])).stdout()).toMatch(/IMAGE .*\n.*trainer:v2/);
  });
  test("no rows leave stdout empty and say so on stderr; as JSON they are an empty list", async () => {
    const table = await print("table", []);
    expect(table.stdout()).toBe("");
    expect(table.stderr()).toMatch(/no jobs/);
    expect((await print("json", [])).stdout()).toBe("[]\n");
  });
});

describe("what ps says of a job", () => {
  test("is why it waits", () => {
    expect(nodesOrReason(sampleJob({ pendingReason: "no node has 8 GPUs" }), new Map())).toBe("no node has 8 GPUs");
  });
  test("is where it runs, by the nodes' names", () => {
    const assignment = { rank: 0, nodeId: "n1", nodeAddress: "10.0.0.1", gpuUuids: [] };
    const attempt = {
      epoch: 1,
      assignments: [assignment, { ...assignment, rank: 1 }],
      replicas: [],
      assignedAt: 0,
      startedAt: 0,
      stopReason: null,
    };
    expect(nodesOrReason(sampleJob({ state: "running", attempt }), new Map([["n1", "gpu-01"]]))).toBe("gpu-01");
  });
  test("is how it ended", () => {
    const outcome = { cause: "oom" as const, exitCode: 137, message: "out of memory" };
    expect(nodesOrReason(sampleJob({ state: "failed", outcome }), new Map())).toBe("out of memory");
  });
});

test("a description of a job names what it asks, where it runs, what it used and simulated GPUs", () => {
  const job = sampleJob(
    {
      state: "running",
      epoch: 1,
      startedAt: 1_005_000,
      attempt: {
        epoch: 1,
        assignments: [{ rank: 0, nodeId: "n1", nodeAddress: "10.0.0.1", gpuUuids: ["GPU-1"] }],
        replicas: [
          {
            rank: 0,
            state: "running",
            message: null,
            cause: null,
            exitCode: null,
            startedAt: 1_005_000,
            finishedAt: null,
            usage: { cpuSeconds: 3, peakMemoryBytes: 2 ** 20, peakGpuMemoryBytes: null },
          },
        ],
        assignedAt: 1_001_000,
        startedAt: 1_005_000,
        stopReason: null,
      },
    },
    { args: ["python3", "train me.py"], env: { TOKEN: "secret" } },
  );
  const events = [{ id: "1-0", jobId: "7", epoch: 1, at: 1_001_000, type: "placed", message: "placed on gpu-01" }];
  const text = describeJob({
    job,
    events,
    nodeNames: new Map([["n1", "gpu-01"]]),
    simulated: new Set(["n1"]),
    now: 1_010_000,
    colour: false,
  });
  for (const part of [
    "7 (trainer)",
    "running",
    'python3 "train me.py"',
    "gpu-01",
    "1.0 MiB",
    "SIMULATED GPU-1",
    "placed on gpu-01",
    "TOKEN",
  ])
    expect(text).toContain(part);
  expect(text).not.toContain("secret");
});

test("an error is told with its fields and what to do", () => {
  const captured = capturedIo();
  const errors = [{ field: "/resources/gpus", message: "must be >= 0" }];
  printError(captured.io, new BerthError("invalid_job_spec", "the job is not valid", { field: "/resources/gpus", details: { errors } }));
  expect(captured.stderr()).toMatch(/^error: the job is not valid\n {2}field \/resources\/gpus: must be >= 0\nhint: .+\n$/);
  expect(captured.stdout()).toBe("");
});

describe("progress", () => {
  const lines = [
    { step: "build", detail: "Step 1/2 : FROM tiny", current: 1, total: 2 },
    { step: "unpack", detail: "tiny:latest", current: 1, total: 2 },
    { step: "unpack", detail: "tiny:latest", current: 2, total: 2 },
    { step: "build", detail: " ---> using cache" },
    { step: "output", detail: "hello\u001b[2J" },
  ];
  test("is plain lines where there is no terminal", () => {
    const captured = capturedIo();
    for (const line of lines) progressPrinter(captured.io).show(line);
    expect(captured.stderr()).toBe(
      "Step 1/2 : FROM tiny\nunpack 1/2: tiny:latest\nunpack 2/2: tiny:latest\n ---> using cache\nhello [2J\n",
    );
    expect(captured.stdout()).toBe("");
  });
  test("redraws counted lines on a terminal", () => {
    const captured = capturedIo();
    const printer = progressPrinter({ ...captured.io, interactive: true });
    for (const line of lines.slice(0, 4)) printer.show(line);
    expect(captured.stderr()).toBe(
      "Step 1/2 : FROM tiny\n\r\u001b[Kunpack 1/2: tiny:latest\r\u001b[Kunpack 2/2: tiny:latest\n ---> using cache\n",
    );
  });
});

describe("an array", () => {
  const tasks = { pending: 2, starting: 0, running: 3, stopping: 0, succeeded: 4, failed: 1, cancelled: 0 };
  const array = sampleJob(
    { id: "81", state: "running", array: { waiting: "12-99", dropped: 0, tasks } },
    { array: { indexes: "0-99", limit: 10 } },
  );
  const print = async (jobs: Job[], pending: number[] = []) => {
    const captured = capturedIo();
    await printListing(
      captured.io,
      { output: "table", headers: false },
      jobListing(1_010_000, new Map(), new Map([["81", pending]])),
      jobs,
    );
    return captured.stdout();
  };
  test("is listed by what has not started, with the sum of its tasks", async () => {
    const line = await print([array], [10, 11]);
    expect(line).toMatch(/^ *81_\[10-99%10\] /);
    expect(line).toContain("3 running, 90 waiting, 4 succeeded, 1 failed");
  });
  test("a task goes by its name, whatever its own number", async () => {
    expect(await print([sampleJob({ id: "95", task: { arrayId: "81", index: 3 } })])).toMatch(/^ *81_3 /);
  });
  test("a long list of indexes is cut", async () => {
    const indexes = Array.from({ length: 50 }, (_, index) => index * index).join(",");
    const scattered = sampleJob({ ...array, array: { waiting: indexes, dropped: 0, tasks } }, { array: { indexes, limit: null } });
    expect(await print([scattered])).toMatch(/^ *81_\[0,1,4,9,16,25,36,49,64,\.\.\.%10\] /);
  });
  test("an array's description sends to its tasks' reasons, for its own row has none", () => {
    const row = sampleJob({ ...array, pendingReason: "waiting for the scheduler" }, { array: { indexes: "0-9", limit: null } });
    const text = describeJob({ job: row, events: [], nodeNames: new Map(), simulated: new Set(), now: 2_000_000, colour: false });
    expect(text).toContain("Reason:    each task has its own; `berth explain 81` gives that of the next");
  });
  test("names on the command line unfold", () => {
    expect(unfoldTasks("job/81_[0-2,9]")).toEqual(["81_0", "81_1", "81_2", "81_9"]);
    expect(jobOrTasks("81_[0-4%2]")).toEqual({ id: "81", tasks: "0-4" });
    expect(jobOrTasks("job/81_3")).toEqual({ id: "81_3", tasks: null });
    expect(() => unfoldTasks("81_[0-999999]")).toThrow(/at most/);
  });
});
