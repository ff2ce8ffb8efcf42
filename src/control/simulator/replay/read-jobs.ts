import { BerthError, NO_RULES, type ResourceRequest, WHOLE_GPU_MILLIS } from "../../../shared/domain/index.ts";
import { muriJobs } from "../muri/muri-trace.ts";
import { type CsvRow, csvCell, csvColumns, readCsv, refuseOtherColumns } from "../trace/csv.ts";
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
    read: berthTrace,
  },
  { columns: ["job_id", "vc", "submit_s", "gpus", "duration_s"], read: (text) => readCsv(text, []).map(phillyJob) },
  { columns: ["job_id", "num_gpu", "submit_time", "iterations", "iteration_time"], read: muriTrace },
  { columns: ["name", "num_gpu", "gpu_milli", "creation_time", "deletion_time"], read: (text) => readCsv(text, []).map(openbJob) },
];

/**
 * Jobs of a trace by submission. Reads Berth's CSV (id,submit_s,duration_s,gpus and any of replicas,cpu_milli,memory_mib,
 * gpu_model,project,user,priority,time_limit_s,partition,checkpoint_s) or the same as a JSON list, Philly (job_id,vc,submit_s,gpus,
 * duration_s), Muri, and openb pod lists with times.
 * @throws BerthError invalid_trace
 */
export function readReplayJobs(text: string): ReplayJob[] {
  if (text.trim() === "") throw new BerthError("invalid_trace", "the trace is empty: not even a header");
  const csv = /^\s*[[{]/.test(text) ? csvOfJson(text) : text;
  const columns = csvColumns(csv);
  const format = FORMATS.find((candidate) => candidate.columns.every((name) => columns.includes(name)));
  if (format === undefined) {
    const known = FORMATS.map((candidate) => candidate.columns.join(",")).join(" | ");
    throw new BerthError("invalid_trace", `the trace has the columns ${columns.join(",")}; known are ${known}`);
  }
  const jobs = format.read(csv).map(checked);
  const ids = new Set<string>();
  for (const { id } of jobs) {
    if (id === "" || ids.has(id))
      throw new BerthError("invalid_trace", `the trace has ${id === "" ? "a job without an id" : `two jobs ${id}`}`);
    ids.add(id);
  }
  return jobs.sort((left, right) => left.submitSeconds - right.submitSeconds);
}

const OPTIONAL_COLUMNS = [
  ...["replicas", "cpu_milli", "memory_mib", "gpu_model", "project", "user", "priority", "time_limit_s", "partition", "checkpoint_s"],
];

function berthTrace(text: string): ReplayJob[] {
  const required = ["id", "submit_s", "duration_s", "gpus"];
  refuseOtherColumns(csvColumns(text), [...required, ...OPTIONAL_COLUMNS], "trace");
  return readCsv(text, required).map(berthJob);
}

const PLAIN = { replicas: 1, project: "default", user: "", priority: 0, timeLimitSeconds: null };

const NOTHING: ResourceRequest = { gpus: 0, gpuModel: null, gpuMemoryBytes: null, cpuMillis: 0, memoryBytes: 0, shmBytes: null };

function berthJob(row: CsvRow): ReplayJob {
  const optional = (column: string, otherwise: number) => (row.text(column) === "" ? otherwise : row.number(column));
  return {
    id: row.text("id"),
    submitSeconds: row.number("submit_s"),
    durationSeconds: row.number("duration_s"),
    resources: {
      ...NOTHING,
      ...gpusOrShare(row.number("gpus")),
      ...{ cpuMillis: optional("cpu_milli", 0), memoryBytes: optional("memory_mib", 0) * MIB, gpuModel: row.text("gpu_model") || null },
    },
    replicas: optional("replicas", 1),
    project: row.text("project") || "default",
    user: row.text("user"),
    priority: optional("priority", 0),
    timeLimitSeconds: row.text("time_limit_s") === "" ? null : row.number("time_limit_s"),
    ...inPartition(row.text("partition")),
    ...(row.text("checkpoint_s") === "" ? {} : { checkpointSeconds: row.number("checkpoint_s") }),
  };
}

/** 0.5 is half a GPU in time slices. */
function gpusOrShare(gpus: number): Pick<ResourceRequest, "gpus" | "gpuShare"> {
  if (!(gpus > 0 && gpus < 1)) return { gpus };
  return { gpus: 1, gpuShare: { millis: Math.round(gpus * WHOLE_GPU_MILLIS), memoryBytes: null, sharing: "time-slice" } };
}

function inPartition(partition: string): Pick<ReplayJob, "rules"> {
  return partition === "" ? {} : { rules: { ...NO_RULES, nodeSelector: { partition } } };
}

function phillyJob(row: CsvRow): ReplayJob {
  const vc = row.text("vc");
  return {
    ...{ ...PLAIN, id: row.text("job_id"), submitSeconds: row.number("submit_s"), durationSeconds: Math.max(1, row.number("duration_s")) },
    ...{ ...wholeNodes(row.number("gpus")), project: vc, ...inPartition(vc) },
  };
}

function muriTrace(text: string): ReplayJob[] {
  return muriJobs(text).map((job) => ({
    ...{ ...PLAIN, id: job.id, submitSeconds: job.submitSeconds, durationSeconds: job.workSeconds },
    ...wholeNodes(job.gpus),
  }));
}

function openbJob(row: CsvRow): ReplayJob {
  const created = row.number("creation_time");
  const started = row.text("scheduled_time") === "" ? created : row.number("scheduled_time");
  const models = row.text("gpu_spec").split("|").filter(Boolean);
  return {
    ...{ ...PLAIN, id: row.text("name"), submitSeconds: created, durationSeconds: Math.max(1, row.number("deletion_time") - started) },
    resources: {
      ...NOTHING,
      ...gpusOrShare(openbGpus(row)),
      ...{ cpuMillis: row.number("cpu_milli"), memoryBytes: row.number("memory_mib") * MIB },
      gpuModel: models.length === 1 ? (models[0] ?? null) : null,
    },
  };
}

/** A pod with one GPU may have a part of it. */
function openbGpus(row: CsvRow): number {
  const gpus = row.number("num_gpu");
  return gpus === 1 ? row.number("gpu_milli") / WHOLE_GPU_MILLIS : gpus;
}

/** Traces that know only a number of GPUs: more than 8 are a gang of 8-GPU replicas. */
function wholeNodes(gpus: number): Pick<ReplayJob, "resources" | "replicas"> {
  if (gpus <= 8) return { resources: { ...NOTHING, gpus }, replicas: 1 };
  return { resources: { ...NOTHING, gpus: 8 }, replicas: Math.ceil(gpus / 8) };
}

/** Nothing runs beyond its time limit. */
function checked(job: ReplayJob): ReplayJob {
  const { id, resources, replicas, timeLimitSeconds } = job;
  const counts = [resources.gpus, replicas, resources.cpuMillis].every((value) => Number.isSafeInteger(value) && value >= 0);
  const times = [job.durationSeconds, job.submitSeconds, timeLimitSeconds ?? 0, job.checkpointSeconds ?? 0].every((value) => value >= 0);
  if (!counts || replicas < 1 || resources.gpuShare?.millis === 0 || !times) {
    const rule = "counts must be whole (gpus also a part between 0 and 1) and times not below 0";
    throw new BerthError("invalid_trace", `job ${id} of the trace: ${rule}`);
  }
  const limit = timeLimitSeconds ?? Number.POSITIVE_INFINITY;
  return { ...job, durationSeconds: Math.max(Math.min(job.durationSeconds, limit), 1e-3) };
}

/** The JSON form has the CSV's columns as keys; an empty list is the header alone. */
function csvOfJson(text: string): string {
  let rows: unknown;
  try {
    rows = JSON.parse(text);
  } catch (error) {
    throw new BerthError("invalid_trace", `the trace is not JSON: ${String(error)}`);
  }
  const isRow = (row: unknown): row is Record<string, unknown> => typeof row === "object" && row !== null && !Array.isArray(row);
  if (!Array.isArray(rows) || !rows.every(isRow))
    throw new BerthError("invalid_trace", "a trace in JSON is a list of jobs: [{...}, {...}]");
  const columns = rows.length === 0 ? (FORMATS[0]?.columns ?? []) : [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns, ...rows.map((row) => columns.map((name) => row[name] ?? ""))];
  return lines.map((cells) => cells.map(csvCell).join(",")).join("\n");
}
