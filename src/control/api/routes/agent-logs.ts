import type { FastifyInstance } from "fastify";
import { BerthError } from "../../../shared/domain/index.ts";
import {
  type LogPushParams,
  LogPushParamsSchema,
  type LogPushQuery,
  LogPushQuerySchema,
  LogPushResponseSchema,
} from "../../../shared/wire/index.ts";
import type { ApiDeps } from "../api-deps.ts";
import { route } from "../http/route-schema.ts";
import type { ReplicaKey } from "../logs/log-paths.ts";
import { nodeOf } from "./node-of.ts";

const PUSH_BYTES = 4 * 1024 * 1024;

/** The scope's only body is bytes: no JSON parser runs on a program's output. */
export function agentLogs(scope: FastifyInstance, deps: ApiDeps): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(
    "application/octet-stream",
    { parseAs: "buffer", bodyLimit: PUSH_BYTES },
    async (_request: unknown, body: Buffer) => body,
  );
  scope.post<{ Params: LogPushParams; Querystring: LogPushQuery; Body: Buffer | undefined }>(
    "/agent/v1/logs/:job/:epoch/:rank",
    {
      ...route({
        access: "node",
        tag: "agent",
        operationId: "pushLog",
        summary: "Append to a replica's log",
        description: "offset is where the bytes start in the container's log; 409 log_offset_mismatch tells the size to go on from.",
        consumes: ["application/octet-stream"],
        params: LogPushParamsSchema,
        querystring: LogPushQuerySchema,
        response: { 200: LogPushResponseSchema },
      }),
      bodyLimit: PUSH_BYTES,
    },
    async (request) => {
      const { job, epoch, rank } = request.params;
      const key = { jobId: job, epoch, rank };
      await refuseForeign(deps, nodeOf(request), key);
      const size = await deps.logs.append(key, request.query.offset, request.body ?? Buffer.alloc(0));
      if (request.query.final) deps.logs.markFinal(key);
      return { size };
    },
  );
}

/**
 * A node pushes logs only of replicas that were given to it. The store remembers that past the attempt's end, so the last
 * lines of a failed attempt arrive even when the job already runs again elsewhere.
 * @throws BerthError forbidden, job_not_found, stale_epoch
 */
async function refuseForeign(deps: ApiDeps, nodeId: string, key: ReplicaKey): Promise<void> {
  const owner = await deps.logs.owner(key);
  if (owner === nodeId) return;
  const what = `replica ${key.rank} of attempt ${key.epoch} of job ${key.jobId}`;
  if (owner !== null) throw new BerthError("forbidden", `${what} does not belong to node ${nodeId}`);
  const job = await deps.stores.jobs.get(key.jobId);
  if (job === null) throw new BerthError("job_not_found", `no job ${key.jobId}`);
  if (job.attempt === null || job.attempt.epoch !== key.epoch)
    throw new BerthError("stale_epoch", `attempt ${key.epoch} of job ${key.jobId} is over`);
  const assignment = job.attempt.assignments.find(({ rank }) => rank === key.rank);
  if (assignment?.nodeId !== nodeId) throw new BerthError("forbidden", `${what} does not belong to node ${nodeId}`);
  await deps.logs.grant(key, nodeId);
}
