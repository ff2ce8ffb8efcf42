import { randomUUID } from "node:crypto";
import { PassThrough } from "node:stream";
import Fastify, { type FastifyInstance } from "fastify";
import { BerthError } from "../../src/shared/domain/index.ts";
import type { DesiredReplica, DiagnosticRequest, ReplicaReport, SyncRequest } from "../../src/shared/wire/index.ts";

/** The control plane's half of agent-protocol.ts, in memory, over a real socket. Restartable on the same port. */
export interface FakeControlPlane {
  readonly url: string;
  desired: DesiredReplica[];
  diagnose: DiagnosticRequest[];
  leaseSeconds: number;
  intervalSeconds: number;
  readonly syncs: SyncRequest[];
  readonly logs: Map<string, Buffer>;
  /** Bytes of every accepted push, in order: shows chunk sizes. */
  readonly pushes: number[];
  readonly tokens: Set<string>;
  readonly credentials: Map<string, string>;
  /** Largest log push it takes, bytes. */
  logLimit: number;
  /** Runs before a log push is stored, and after (the answer may get lost): throw to fail it. */
  beforeLog: () => void;
  afterLog: () => void;
  beforeSync: () => Promise<void> | void;
  /** Sends one line to every open wake stream. */
  wake(): void;
  wakeStreams(): number;
  report(jobId: string, epoch?: number, rank?: number): ReplicaReport | undefined;
  start(): Promise<void>;
  /** Closes listener and every connection, keeps the state. */
  stop(): Promise<void>;
}

export async function createFakeControlPlane(): Promise<FakeControlPlane> {
  const streams = new Set<PassThrough>();
  let app: FastifyInstance | null = null;
  let port = 0;
  const plane: FakeControlPlane = {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    desired: [],
    diagnose: [],
    leaseSeconds: 60,
    intervalSeconds: 0.2,
    syncs: [],
    logs: new Map(),
    pushes: [],
    tokens: new Set(["join-me"]),
    credentials: new Map(),
    logLimit: 1024 * 1024,
    beforeLog: () => {},
    afterLog: () => {},
    beforeSync: () => {},
    wake: () => {
      for (const stream of streams) stream.write(`{"type":"wake"}\n`);
    },
    wakeStreams: () => streams.size,
    report: (jobId, epoch = 1, rank = 0) =>
      plane.syncs.at(-1)?.replicas.find((report) => report.jobId === jobId && report.epoch === epoch && report.rank === rank),
    async start() {
      app = serve(plane, streams);
      await app.listen({ host: "127.0.0.1", port });
      port = (app.server.address() as { port: number }).port;
    },
    async stop() {
      for (const stream of streams) stream.destroy();
      streams.clear();
      await app?.close();
      app = null;
    },
  };
  await plane.start();
  return plane;
}

function serve(plane: FakeControlPlane, streams: Set<PassThrough>): FastifyInstance {
  const app = Fastify({ forceCloseConnections: true, bodyLimit: 64 * 1024 * 1024 });
  app.addContentTypeParser("application/octet-stream", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, _request, reply) => {
    const known = error instanceof BerthError ? error : new BerthError("internal", String(error));
    return reply.code(known.status).send({ code: known.code, detail: known.message, ...known.details });
  });
  app.addHook("onRequest", async (request) => {
    const credential = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    const open = request.url === "/agent/v1/join";
    if (!open && ![...plane.credentials.values()].includes(credential)) throw new BerthError("unauthorized", "unknown credential");
  });
  app.post<{ Body: { token: string; name: string } }>("/agent/v1/join", async (request) => {
    if (!plane.tokens.delete(request.body.token)) throw new BerthError("unauthorized", "token is not valid");
    const nodeId = `node-${plane.credentials.size + 1}`;
    plane.credentials.set(nodeId, randomUUID());
    return { nodeId, credential: plane.credentials.get(nodeId) };
  });
  app.post<{ Body: SyncRequest }>("/agent/v1/sync", async (request) => {
    await plane.beforeSync();
    plane.syncs.push(request.body);
    const { leaseSeconds, intervalSeconds, desired, diagnose } = plane;
    return { echo: request.body.sentAt, leaseSeconds, intervalSeconds, desired, diagnose };
  });
  app.get("/agent/v1/wake", (_request, reply) => {
    const stream = new PassThrough();
    streams.add(stream);
    stream.on("close", () => streams.delete(stream));
    reply.raw.on("close", () => stream.destroy());
    stream.write(`{"type":"hello"}\n`);
    return reply.type("application/x-ndjson").send(stream);
  });
  app.post<{ Params: { job: string; epoch: string; rank: string }; Querystring: { offset: string }; Body: Buffer }>(
    "/agent/v1/logs/:job/:epoch/:rank",
    async (request) => {
      const { job, epoch, rank } = request.params;
      return storeLog(plane, `${job}/${epoch}/${rank}`, Number(request.query.offset), request.body);
    },
  );
  return app;
}

function storeLog(plane: FakeControlPlane, name: string, offset: number, bytes: Buffer): { size: number } {
  plane.beforeLog();
  const known = plane.logs.get(name) ?? Buffer.alloc(0);
  if (bytes.length > plane.logLimit) throw new BerthError("payload_too_large", `${bytes.length} bytes`);
  if (offset !== known.length) {
    throw new BerthError("log_offset_mismatch", `log has ${known.length} bytes`, { details: { size: known.length } });
  }
  plane.logs.set(name, Buffer.concat([known, bytes]));
  plane.pushes.push(bytes.length);
  plane.afterLog();
  return { size: known.length + bytes.length };
}
