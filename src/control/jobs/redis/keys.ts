import type { JobState } from "../../../shared/domain/index.ts";

/**
 * The whole keyspace (database 0). `{berth}` is a hash tag: every key lies in one slot, so a script may touch any of them.
 *
 *   {berth}:job-id                       string  the last job id given (INCR)
 *   {berth}:job:<id>                     hash    spec (JSON, never changes; a task's is its array's), row (JSON, the rest), state, epoch, version,
 *                                                claims (JSON array), nodes (JSON array)
 *   {berth}:job:<id>:events              stream  epoch, at, type, message
 *   {berth}:jobs:all                     zset    id by id: newest first is ZREVRANGE
 *   {berth}:jobs:state:<state>           zset    "
 *   {berth}:jobs:project:<project>       zset    "
 *   {berth}:jobs:user:<user>             zset    "
 *   {berth}:jobs:name:<name>             zset    "
 *   {berth}:jobs:array:<array>           zset    ids of its tasks' rows
 *   {berth}:arrays                       set     ids of arrays that have not ended
 *   {berth}:array:<id>:counts            hash    state -> tasks whose row is in it
 *   {berth}:array:<id>:tasks             hash    index -> id of the task's newest row
 *   {berth}:array:<id>:live              set     ids of tasks that have not ended
 *   {berth}:array:<id>:failed            hash    index -> exit code of a failed task, "" without one
 *   {berth}:jobs:queue                   zset    pending ids by (priority, queuedAt), see job-indexes.ts
 *   {berth}:jobs:node:<node>             set     ids with an active assignment on the node
 *   {berth}:claims                       hash    <node>/<gpu or MIG uuid> -> id of the job that owns it; of a shared GPU a JSON
 *                                                object, job id -> its part (see gpu-claims.ts)
 *   {berth}:placements                   string  counts placements; a plan made from an older count is refused
 *   {berth}:leader                       string  the control plane that schedules; expires with its lease
 *   {berth}:leader:renewals              string  counts renewals of leases, so that others see that it is alive
 *   {berth}:leader:fence                 string  counts changes of leader; a placement under an older count is refused
 *   {berth}:idempotency:<sha256>         hash    id, fingerprint; expires
 *   {berth}:nodes                        set     names of nodes that have synced
 *   {berth}:node:<name>                  hash    credential (sha256), joinedAt, address, facts (JSON), incarnation, bootId,
 *                                                retiredBoots (JSON array), sentAt, lastSeenAt, state, controls (JSON)
 *   {berth}:token:<kind>:<sha256>        string  expiresAt; expires
 *   {berth}:token:join-used-by:<sha256>  string  name of the node that joined with it; expires with it
 *   {berth}:projects                     hash    project -> its settings (JSON)
 *   {berth}:project-usage                hash    project -> value, at (JSON)
 *   {berth}:reservations                 hash    reservation -> its window (JSON)
 *   {berth}:changes                      stream  job, version: what changed, for the schedule loop; bounded
 *   {berth}:blob:<digest>:holders        zset    "<node> <ip:port>" by when its word ends; expires
 *   {berth}:blob:<digest>:fetcher        string  "<node> <ip:port>" that fetches it from the registry; expires with its lease
 *   {berth}:job-changed                  channel id of every job that changes
 */
const PREFIX = "{berth}:";

export const KEYS = {
  jobId: `${PREFIX}job-id`,
  jobPrefix: `${PREFIX}job:`,
  job: (id: string) => `${PREFIX}job:${id}`,
  events: (id: string) => `${PREFIX}job:${id}:events`,
  all: `${PREFIX}jobs:all`,
  state: (state: JobState) => `${PREFIX}jobs:state:${state}`,
  project: (project: string) => `${PREFIX}jobs:project:${project}`,
  user: (user: string) => `${PREFIX}jobs:user:${user}`,
  name: (name: string) => `${PREFIX}jobs:name:${name}`,
  array: (id: string) => `${PREFIX}jobs:array:${id}`,
  arrays: `${PREFIX}arrays`,
  arrayCounts: (id: string) => `${PREFIX}array:${id}:counts`,
  arrayTasks: (id: string) => `${PREFIX}array:${id}:tasks`,
  arrayLive: (id: string) => `${PREFIX}array:${id}:live`,
  arrayFailed: (id: string) => `${PREFIX}array:${id}:failed`,
  queue: `${PREFIX}jobs:queue`,
  nodeJobsPrefix: `${PREFIX}jobs:node:`,
  nodeJobs: (nodeId: string) => `${PREFIX}jobs:node:${nodeId}`,
  claims: `${PREFIX}claims`,
  placements: `${PREFIX}placements`,
  leader: `${PREFIX}leader`,
  leaderRenewals: `${PREFIX}leader:renewals`,
  leaderFence: `${PREFIX}leader:fence`,
  idempotency: (hash: string) => `${PREFIX}idempotency:${hash}`,
  nodes: `${PREFIX}nodes`,
  node: (name: string) => `${PREFIX}node:${name}`,
  token: (kind: string, hash: string) => `${PREFIX}token:${kind}:${hash}`,
  projects: `${PREFIX}projects`,
  projectUsage: `${PREFIX}project-usage`,
  reservations: `${PREFIX}reservations`,
  changes: `${PREFIX}changes`,
  blobHolders: (digest: string) => `${PREFIX}blob:${digest}:holders`,
  blobFetcher: (digest: string) => `${PREFIX}blob:${digest}:fetcher`,
  changedChannel: `${PREFIX}job-changed`,
} as const;

/** Lines of one job's history that are kept. */
/** Entries of the change log: who is further behind reads everything again. */
export const MOST_CHANGES = 100_000;
export const MOST_HISTORY = 4000;
