import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { type FastifyInstance, type FastifyReply, fastify } from "fastify";
import type { Job } from "../../../src/shared/domain/index.ts";
import { type JobSpecInput, type LogEntry, resolveJobSpec } from "../../../src/shared/wire/index.ts";
import { sampleJob } from "../../unit/cli/samples.ts";

/** `epoch` says which attempt wrote it; default the first. */
export type FakeLogEntry = LogEntry & { epoch?: number };

/** The job routes on a unix socket, driven by the test: it says when a job runs, what it logs and how it ends. */
export interface FakeControlPlane {
  host: string;
  jobs: Map<string, Job>;
  /** Idempotency-Key of every submission, repeated ones too. */
  submissions: string[];
  cancelled: string[];
  /** Appends to a job's log, and to the streams that follow it. */
  log(id: string, ...entries: FakeLogEntry[]): void;
  /** Changes the row; an end also ends the streams that follow it. */
  change(id: string, changes: Partial<Job>): void;
  /** Cuts every followed stream without an end, as a crash does. */
  cutStreams(): void;
  followers(): number;
  /** Answers the next `count` submissions by closing the connection after they were taken. */
  loseAnswers(count: number): void;
  app: FastifyInstance;
  close(): Promise<void>;
}

export async function startFakeControlPlane(): Promise<FakeControlPlane> {
  const folder = await mkdtemp(join(tmpdir(), "berth-fake-"));
  const socketPath = join(folder, "api.sock");
  const jobs = new Map<string, Job>();
  const byKey = new Map<string, Job>();
  const logs = new Map<string, FakeLogEntry[]>();
  const streams = new Map<PassThrough, string>();
  const state = { submissions: [] as string[], cancelled: [] as string[], toLose: 0 };
  const app = fastify({ forceCloseConnections: true });

  const find = (name: string) => jobs.get(name) ?? [...jobs.values()].reverse().find((job) => job.spec.name === name);
  app.post<{ Body: JobSpecInput }>("/v1/jobs", async (request, reply) => {
    const key = String(request.headers["idempotency-key"]);
    state.submissions.push(key);
    const job = byKey.get(key) ?? sampleJob({ id: String(jobs.size + 1), spec: resolveJobSpec(request.body) });
    byKey.set(key, job);
    jobs.set(job.id, jobs.get(job.id) ?? job);
    if (state.toLose > 0) {
      state.toLose -= 1;
      request.raw.socket.destroy();
      return reply.hijack();
    }
    return reply.code(201).send(job);
  });
  app.get<{ Querystring: { state?: string } }>("/v1/jobs", async (request) => {
    const states = request.query.state?.split(",");
    const items = [...jobs.values()].filter((job) => !states || states.includes(job.state)).reverse();
    return { items, nextCursor: null };
  });
  app.get<{ Params: { id: string } }>(
    "/v1/jobs/:id",
    async (request, reply) => find(request.params.id) ?? notFound(reply, request.params.id),
  );
  app.post<{ Params: { id: string } }>("/v1/jobs/:id/cancel", async (request, reply) => {
    const job = find(request.params.id);
    if (!job) return notFound(reply, request.params.id);
    state.cancelled.push(job.id);
    return reply.code(202).send(job);
  });
  app.get<{ Params: { id: string } }>("/v1/jobs/:id/events", async () => ({ items: [] }));
  app.get("/v1/nodes", async () => ({ items: [] }));
  app.post<{ Body: JobSpecInput }>("/v1/plan", async ({ body }) => ({ job: body.name }));
  app.get("/v1/version", async () => ({ version: "9.9.9" }));
  app.get<{ Params: { id: string }; Querystring: { follow?: string; since?: string; epoch?: string } }>(
    "/v1/jobs/:id/logs",
    async (request, reply) => {
      const { id } = request.params;
      // As the real one: without an epoch the newest attempt and those after it.
      const { epoch = 1 } = jobs.get(id) ?? {};
      const wanted = request.query.epoch === undefined ? null : Number(request.query.epoch);
      const since = request.query.since === undefined ? 0 : Date.parse(request.query.since);
      const stream = new PassThrough();
      const isWanted = (entry: FakeLogEntry) => (wanted === null ? (entry.epoch ?? 1) >= epoch : (entry.epoch ?? 1) === wanted);
      for (const entry of logs.get(id) ?? [])
        if (Date.parse(entry.time) >= since && isWanted(entry)) stream.write(`${JSON.stringify(entry)}\n`);
      const ended = jobs.get(id)?.finishedAt !== null || (wanted !== null && wanted < epoch);
      if (request.query.follow === "true" && !ended) {
        streams.set(stream, id);
        request.raw.once("close", () => streams.delete(stream));
      } else stream.end();
      return reply.type("application/x-ndjson").send(stream);
    },
  );

  await app.listen({ path: socketPath });
  return {
    host: `unix://${socketPath}`,
    jobs,
    submissions: state.submissions,
    cancelled: state.cancelled,
    log(id, ...entries) {
      logs.set(id, [...(logs.get(id) ?? []), ...entries]);
      for (const [stream, job] of streams) if (job === id) for (const entry of entries) stream.write(`${JSON.stringify(entry)}\n`);
    },
    change(id, changes) {
      const job = jobs.get(id);
      if (!job) throw new Error(`no job ${id}`);
      jobs.set(id, { ...job, ...changes });
      if (changes.finishedAt === undefined) return;
      for (const [stream, owner] of streams) if (owner === id) stream.end();
    },
    cutStreams() {
      for (const stream of streams.keys()) stream.destroy();
    },
    followers: () => streams.size,
    loseAnswers(count) {
      state.toLose = count;
    },
    app,
    async close() {
      for (const stream of streams.keys()) stream.destroy();
      await app.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function notFound(reply: FastifyReply, id: string) {
  const problem = {
    type: "urn:berth:error:job_not_found",
    title: "job not found",
    status: 404,
    detail: `no job ${id}`,
    code: "job_not_found",
    hint: "`berth ps --all` lists the jobs",
  };
  return reply.code(404).type("application/problem+json").send(problem);
}

/** One line of rank 0. */
export function line(index: number, text: string): LogEntry {
  return { rank: 0, stream: "stdout", time: `2026-03-01T00:00:${String(index).padStart(2, "0")}.000000000Z`, text, partial: false };
}
