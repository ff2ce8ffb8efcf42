import { BerthError } from "../../../shared/domain/index.ts";
import { muriJobs } from "../muri/muri-trace.ts";
import { type CsvRow, csvColumns, readCsv } from "../trace/csv.ts";
import type { ReplayJob } from "./replay-job.ts";

const MIB = 2 ** 20;

interface Format {
  /** Columns that tell it apart. */
  columns: readonly string[];
  read(text: string): ReplayJob[];
}

const FORMATS: readonly Format[] = [
  {
    columns: ["id", "submit_s", "duration_s", "gpus"],
    read: (text) => readCsv(text, ["id", "submit_s", "duration_s", "gpus"]).map(berthJob),
  },
  { columns: ["job_id", "vc", "submit_s", "gpus", "duration_s"], read: (text) => readCsv(text, []).map(phillyJob) },
  { columns: ["job_id", "num_gpu", "submit_time", "iterations", "iteration_time"], read: muriTrace },
  { columns: ["name", "num_gpu", "gpu_milli", "creation_time", "deletion_time"], read: (text) => readCsv(text, []).map(openbJob) },
];

/**
 * Jobs of a trace by submission. Reads Berth's CSV (id,submit_s,duration_s,gpus and any of replicas,cpu_milli,memory_mib,
 * gpu_model,project,user,priority,time_limit_s,partition) or the same as a JSON list, Philly (job_id,vc,submit_s,gpus,
 * duration_s), Muri, and openb pod lists with times.
 * @throws BerthError invalid_trace
 */
export function readReplayJobs(text: string): ReplayJob[] {
  const csv = /^\s*\[/.test(text) ? csvOfJson(text) : text;
  const columns = csvColumns(csv);
  const format = FORMATS.find((candidate) => candidate.columns.every((name) => columns.includes(name)));
  if (format === undefined) {
    const known = FORMATS.map((candidate) => candidate.columns.join(",")).join(" | ");
    throw new BerthError("invalid_trace", `the trace has the columns ${columns.join(",")}; known are ${known}`);
  }
  const jobs = format.read(csv).map(checked);
  return jobs.sort((left, right) => left.submitSeconds - right.submitSeconds);
}

const PLAIN = { replicas: 1, cpuMillis: 0, memoryBytes: 0, gpuModel: null, project: "default", user: "", priority: 0 };

function berthJob(row: CsvRow): ReplayJob {
  const optional = (column: string, otherwise: number) => (row.text(column) === "" ? otherwise : row.number(column));
  return {
    id: row.text("id"),
    submitSeconds: row.number("submit_s"),
    durationSeconds: row.number("duration_s"),
    gpus: row.number("gpus"),
    replicas: optional("replicas", 1),
    cpuMillis: optional("cpu_milli", 0),
    memoryBytes: optional("memory_mib", 0) * MIB,
    gpuModel: row.text("gpu_model") || null,
    project: row.text("project") || "default",
    user: row.text("user"),
    priority: optional("priority", 0),
    timeLimitSeconds: row.text("time_limit_s") === "" ? null : row.number("time_limit_s"),
    partition: row.text("partition") || null,
  };
}

function phillyJob(row: CsvRow): ReplayJob {
  const vc = row.text("vc");
  return {
    ...{ ...PLAIN, id: row.text("job_id"), submitSeconds: row.number("submit_s"), durationSeconds: Math.max(1, row.number("duration_s")) },
    ...{ ...wholeNodes(row.number("gpus")), project: vc, timeLimitSeconds: null, partition: vc },
  };
}

function muriTrace(text: string): ReplayJob[] {
  return muriJobs(text).map((job) => ({
    ...{ ...PLAIN, id: job.id, submitSeconds: job.submitSeconds, durationSeconds: job.workSeconds },
    ...{ ...wholeNodes(job.gpus), timeLimitSeconds: null, partition: null },
  }));
}

/** A share of a GPU counts as the whole GPU: replicas of different jobs share none. */
function openbJob(row: CsvRow): ReplayJob {
  const created = row.number("creation_time");
  const started = row.text("scheduled_time") === "" ? created : row.number("scheduled_time");
  const models = row.text("gpu_spec").split("|").filter(Boolean);
  return {
    ...{ ...PLAIN, id: row.text("name"), submitSeconds: created, durationSeconds: Math.max(1, row.number("deletion_time") - started) },
    ...{ gpus: row.number("num_gpu"), cpuMillis: row.number("cpu_milli"), memoryBytes: row.number("memory_mib") * MIB },
    ...{ gpuModel: models.length === 1 ? (models[0] ?? null) : null, timeLimitSeconds: null, partition: null },
  };
}

/** Traces that know only a number of GPUs: more than 8 are a gang of 8-GPU replicas. */
function wholeNodes(gpus: number): { gpus: number; replicas: number } {
  return gpus <= 8 ? { gpus, replicas: 1 } : { gpus: 8, replicas: Math.ceil(gpus / 8) };
}

function checked(job: ReplayJob): ReplayJob {
  const counts = [job.gpus, job.replicas, job.cpuMillis].every((value) => Number.isInteger(value) && value >= 0);
  if (!counts || job.replicas < 1 || job.durationSeconds < 0 || job.submitSeconds < 0) {
    throw new BerthError("invalid_trace", `job ${job.id} of the trace: counts must be whole and times not below 0`);
  }
  return { ...job, durationSeconds: Math.max(job.durationSeconds, 1e-3) };
}

/** The JSON form has the CSV's columns as keys; values hold no comma, as in the CSV. */
function csvOfJson(text: string): string {
  let rows: unknown;
  try {
    rows = JSON.parse(text);
  } catch (error) {
    throw new BerthError("invalid_trace", `the trace is not JSON: ${String(error)}`);
  }
  const list = (Array.isArray(rows) ? rows : []) as Record<string, unknown>[];
  const columns = [...new Set(list.flatMap((row) => Object.keys(row)))];
  return [columns, ...list.map((row) => columns.map((name) => row[name] ?? ""))].map((cells) => cells.join(",")).join("\n");
}
