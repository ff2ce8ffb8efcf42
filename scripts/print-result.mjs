// Reads a job as `berth get -o json` prints it and says what it achieved, what it used and where its checkpoint lies.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [dataDir] = process.argv.slice(2);
const job = JSON.parse(readFileSync(0, "utf8"));
const replica = job.attempt.replicas[0];
const mebibytes = (bytes) => (bytes === null || bytes === undefined ? "unknown" : `${(bytes / 2 ** 20).toFixed(1)} MiB`);
const seconds = (from, to) => `${((to - from) / 1000).toFixed(1)} s`;
const volume = job.spec.mounts.find((mount) => mount.target === "/checkpoints");
const checkpoints = join(dataDir, "volumes", volume.source, "data");
const result = JSON.parse(readFileSync(join(checkpoints, "result.json"), "utf8"));

const rows = [
  ["job", `${job.id} (${job.spec.name}): ${job.state}, exit code ${job.outcome.exitCode}`],
  ["accuracy", `${(result.accuracy * 100).toFixed(2)} % on held-out digits`],
  ["time", `${seconds(replica.startedAt, replica.finishedAt)} (waited ${seconds(job.submittedAt, replica.startedAt)})`],
  ["GPUs", job.attempt.assignments[0].gpuUuids.join(", ") || "none"],
  ["CPU used", replica.usage ? `${replica.usage.cpuSeconds.toFixed(1)} s` : "unknown"],
  ["memory used", replica.usage ? mebibytes(replica.usage.peakMemoryBytes) : "unknown"],
  ["checkpoint", join(checkpoints, "checkpoint.npz")],
];
for (const [name, value] of rows) console.log(`${name.padEnd(12)} ${value}`);
