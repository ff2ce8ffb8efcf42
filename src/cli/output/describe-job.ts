import {
  formatBytes,
  formatDuration,
  gpuCountText,
  type Job,
  type JobEvent,
  lastCheckpoint,
  type MountRequest,
  publishedPortText,
  type ReplicaStatus,
  type ResourceRequest,
  WHOLE_GPU_MILLIS,
} from "../../shared/domain/index.ts";
import { arraySummary, jobLabel } from "./array-text.ts";
import { eventListing } from "./event-listing.ts";
import { stateStyle } from "./job-listing.ts";
import { paint, printable } from "./style.ts";
import { type Column, renderTable } from "./table.ts";
import { between, runtimeOf, timestamp } from "./time.ts";

export interface JobDescription {
  job: Job;
  /** Oldest first. */
  events: readonly JobEvent[];
  nodeNames: ReadonlyMap<string, string>;
  /** Ids of nodes whose GPUs are simulated. */
  simulated: ReadonlySet<string>;
  now: number;
  colour: boolean;
}

/** A job as text for people. */
export function describeJob(description: JobDescription): string {
  const { job, events, colour } = description;
  const sections = [fields(summary(description), colour), section("Asks for", fields(asked(job), colour), colour)];
  if (job.attempt) sections.push(section("Replicas", replicaTable(description), colour));
  if (events.length > 0)
    sections.push(section("Last events", renderTable(eventListing().columns, events, { headers: false, colour }), colour));
  return sections.join("\n");
}

type Field = [name: string, value: string | null];

/** An array's row is never placed itself: what was written there at submit stays while its tasks wait for their own reasons. */
function reasonOf(job: Job, reason: string): string {
  return job.array === undefined ? printable(reason) : `each task has its own; \`berth explain ${job.id}\` gives that of the next`;
}

function summary({ job, now, colour }: JobDescription): Field[] {
  const { outcome } = job;
  return [
    ["Job", `${jobLabel(job)} (${printable(job.spec.name)})`],
    ["Task", job.task === undefined || job.id.includes("_") ? null : `${job.task.index} of array ${job.task.arrayId}; job ${job.id}`],
    ["State", paint(job.state, stateStyle(job.state), colour)],
    ["Tasks", job.array === undefined ? null : arraySummary(job)],
    ["Reason", job.pendingReason && reasonOf(job, job.pendingReason)],
    ["Outcome", outcome && printable(outcome.message)],
    ["Exit code", outcome && String(outcome.exitCode ?? "none: no program ended")],
    ["User", `${printable(job.user)}, project ${job.spec.project}`],
    ["Submitted", `${timestamp(job.submittedAt)} (${between(job.submittedAt, now)} ago)`],
    ["Started", job.startedAt === null ? null : timestamp(job.startedAt)],
    ["Finished", job.finishedAt === null ? null : timestamp(job.finishedAt)],
    ["Runtime", runtimeOf(job, now)],
    ["Checkpoint", checkpointText(job, now)],
    ["Attempt", job.epoch === 0 ? null : `${job.epoch} (${job.retriesUsed} of ${job.spec.retries} retries used)`],
  ];
}

/** The newest that it acknowledged, in this attempt or an earlier one. */
function checkpointText({ attempt, checkpointAt: before }: Job, now: number): string | null {
  const at = (attempt === null ? undefined : lastCheckpoint(attempt)) ?? before;
  return at === undefined ? null : `${timestamp(at)} (${between(at, now)} ago)`;
}

function asked({ spec }: Job): Field[] {
  const labels = Object.entries(spec.labels).map(([name, value]) => `${name}=${value}`);
  return [
    ["Image", spec.image],
    ["Command", spec.command && quoted(spec.command)],
    ["Args", spec.args && quoted(spec.args)],
    [
      "Array",
      spec.array === undefined ? null : `${spec.array.indexes}${spec.array.limit === null ? "" : `, ${spec.array.limit} at a time`}`,
    ],
    ["Replicas", spec.replicas > 1 ? `${spec.replicas}` : null],
    ["Resources", resourceText(spec.resources)],
    ["Priority", spec.priority === 0 ? null : `${spec.priority}`],
    ["Time limit", spec.timeLimitSeconds === null ? null : formatDuration(spec.timeLimitSeconds)],
    ["Network", spec.network],
    ["Ports", spec.ports === undefined ? null : spec.ports.map(publishedPortText).join(", ")],
    ["Mounts", spec.mounts.length > 0 ? spec.mounts.map(mountText).join(", ") : null],
    ["Environment", names(Object.keys(spec.env))],
    ["Labels", names(labels)],
  ];
}

function resourceText(resources: ResourceRequest): string {
  return `${gpuText(resources)}${count(resources.cpuMillis / 1000, "CPU")}, ${formatBytes(resources.memoryBytes)} memory`;
}

/** "2 GPUs (h100, 40.0 GiB each), ", "0.5 of a GPU (mps), ", "1 MIG device 1g.10gb, "; "" without. */
function gpuText({ gpus, gpuShare, migProfile, gpuModel, gpuMemoryBytes }: ResourceRequest): string {
  if (gpus === 0) return "";
  const each = gpuShare === undefined ? " each" : " of its memory";
  const needs = [gpuShare?.sharing, gpuModel, gpuMemoryBytes && `${formatBytes(gpuMemoryBytes)}${each}`].filter(Boolean).join(", ");
  const units =
    gpuShare !== undefined
      ? `${gpuCountText(gpuShare.millis / WHOLE_GPU_MILLIS)} of a GPU`
      : migProfile !== undefined
        ? `${count(gpus, "MIG device")} ${migProfile}`
        : count(gpus, "GPU");
  return `${units}${needs ? ` (${needs})` : ""}, `;
}

function count(amount: number, unit: string): string {
  return `${amount} ${unit}${amount === 1 ? "" : "s"}`;
}

function mountText(mount: MountRequest): string {
  return `${mount.source}:${mount.target}${mount.readOnly ? ":ro" : ""}`;
}

function replicaTable({ job, nodeNames, simulated, now, colour }: JobDescription): string {
  const assignments = new Map(job.attempt?.assignments.map((assignment) => [assignment.rank, assignment]));
  const node = (replica: ReplicaStatus) => assignments.get(replica.rank)?.nodeId ?? "";
  const gpus = (replica: ReplicaStatus) => (assignments.get(replica.rank)?.gpuUuids ?? []).join(",");
  const columns: Column<ReplicaStatus>[] = [
    { title: "RANK", value: (replica) => replica.rank, align: "right" },
    { title: "NODE", value: (replica) => nodeNames.get(node(replica)) ?? node(replica) },
    { title: "STATE", value: (replica) => replica.state },
    { title: "EXIT", value: (replica) => replica.exitCode, align: "right" },
    { title: "RUNTIME", value: (replica) => between(replica.startedAt, replica.finishedAt ?? now), align: "right" },
    { title: "CPU", value: (replica) => (replica.usage ? formatDuration(replica.usage.cpuSeconds) : null), align: "right" },
    { title: "PEAK MEMORY", value: (replica) => bytesOrNull(replica.usage?.peakMemoryBytes), align: "right" },
    { title: "PEAK GPU MEMORY", value: (replica) => bytesOrNull(replica.usage?.peakGpuMemoryBytes), align: "right" },
    {
      title: "GPUS",
      value: (replica) => (gpus(replica) !== "" && simulated.has(node(replica)) ? `SIMULATED ${gpus(replica)}` : gpus(replica)),
    },
    ...(job.spec.ports === undefined
      ? []
      : [{ title: "PORTS", value: (replica: ReplicaStatus) => portsOf(replica, assignments.get(replica.rank)?.nodeAddress ?? "") }]),
    { title: "MESSAGE", value: (replica) => replica.message },
  ];
  return renderTable(columns, job.attempt?.replicas ?? [], { headers: true, colour });
}

/** As `docker ps` writes them: "10.0.0.7:32768->80/tcp". */
function portsOf({ ports = [] }: ReplicaStatus, address: string): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return ports.map((port) => `${host}:${port.hostPort}->${publishedPortText({ ...port, hostPort: null })}`).join(", ");
}

function bytesOrNull(bytes: number | null | undefined): string | null {
  return bytes === null || bytes === undefined ? null : formatBytes(bytes);
}

function fields(all: readonly Field[], colour: boolean): string {
  const shown = all.filter((field): field is [string, string] => field[1] !== null);
  const width = Math.max(...shown.map(([name]) => name.length)) + 1;
  return shown.map(([name, value]) => `${paint(`${name}:`.padEnd(width), "bold", colour)} ${value}\n`).join("");
}

function section(title: string, body: string, colour: boolean): string {
  const indented = body
    .split("\n")
    .map((line) => (line === "" ? "" : `  ${line}`))
    .join("\n");
  return `${paint(title, "bold", colour)}\n${indented}`;
}

function names(values: readonly string[]): string | null {
  return values.length > 0 ? values.map(printable).join(", ") : null;
}

/** Words as a shell would need them. */
function quoted(words: readonly string[]): string {
  return words.map((word) => (/^[A-Za-z0-9_./:=@%+-]+$/.test(word) ? word : JSON.stringify(word))).join(" ");
}
