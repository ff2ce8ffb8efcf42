import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import type { Job, JobEvent, NodeRecord } from "../../shared/domain/index.ts";
import type { Allocated } from "../../shared/observe/index.ts";
import type {
  ExplanationView,
  JobSpecInput,
  LogEntry,
  NodePatch,
  ProjectInput,
  ProjectView,
  ReservationInput,
  ReservationView,
} from "../../shared/wire/index.ts";
import type { HttpClient, HttpRequest } from "./http.ts";

/** A node and how much of it is taken. */
export interface NodeView extends NodeRecord {
  allocated?: Allocated;
}

export interface JobFilter {
  states: readonly string[];
  project?: string | undefined;
  name?: string | undefined;
  label?: readonly string[] | undefined;
  user?: string | undefined;
  /** Only the tasks of this array. */
  array?: string | undefined;
  /** Also tasks that wait or have ended. */
  tasks?: boolean | undefined;
  /** At most this many; undefined for all. */
  limit?: number | undefined;
}

export interface LogQuery {
  follow: boolean;
  rank?: number | undefined;
  epoch?: number | undefined;
  tail?: number | undefined;
  /** RFC 3339; lines at or after it. */
  since?: string | undefined;
}

/** One piece of a log; `note` is Berth itself speaking. */
export type LogRecord = LogEntry;

export interface ServerVersion {
  version: string;
  [field: string]: unknown;
}

export interface Token {
  token: string;
  expiresAt: number | string;
}

/** The control plane's REST API. */
export interface ApiClient {
  readonly label: string;
  submit(spec: JobSpecInput, idempotencyKey?: string): Promise<Job>;
  list(filter: JobFilter, signal?: AbortSignal): Promise<Job[]>;
  get(job: string, signal?: AbortSignal): Promise<Job>;
  /** `tasks`: only these of an array ("0-4"). */
  cancel(job: string, tasks?: string | null): Promise<Job>;
  retry(job: string, tasks?: string | null): Promise<Job>;
  logs(job: string, query: LogQuery, signal?: AbortSignal): Promise<Readable>;
  events(job: string): Promise<JobEvent[]>;
  followEvents(job: string, signal?: AbortSignal): Promise<Readable>;
  nodes(signal?: AbortSignal): Promise<NodeView[]>;
  node(id: string): Promise<NodeView>;
  patchNode(id: string, patch: NodePatch): Promise<NodeView>;
  removeNode(id: string): Promise<void>;
  explain(job: string): Promise<ExplanationView>;
  plan(spec: JobSpecInput): Promise<ExplanationView>;
  projects(): Promise<ProjectView[]>;
  project(name: string): Promise<ProjectView>;
  /** @throws BerthError conflict while it has live jobs or projects below it; project_not_found */
  removeProject(name: string): Promise<void>;
  setProject(name: string, input: ProjectInput): Promise<ProjectView>;
  reservations(): Promise<ReservationView[]>;
  createReservation(input: ReservationInput): Promise<ReservationView>;
  removeReservation(name: string): Promise<void>;
  version(signal?: AbortSignal): Promise<ServerVersion>;
  createToken(kind: "join" | "api", ttlSeconds: number): Promise<Token>;
}

const PAGE = 200;
const NDJSON = { accept: "application/x-ndjson" };

/**
 * Calls of the REST API over one connection; listings are read page by page until their end or `limit`.
 * @throws BerthError (each call) what the server's problem says, control_plane_unavailable, forbidden, certificate_invalid
 */
export function apiClient(http: HttpClient): ApiClient {
  const job = (id: string) => `/v1/jobs/${encodeURIComponent(id)}`;
  return {
    label: http.endpoint.label,
    submit: (spec, idempotencyKey = randomUUID()) =>
      http.json<Job>({ method: "POST", path: "/v1/jobs", body: spec, headers: { "idempotency-key": idempotencyKey } }),
    list: (filter, signal) => listJobs(http, filter, signal),
    get: (id, signal) => http.json<Job>({ path: job(id), ...withSignal(signal) }),
    cancel: (id, tasks = null) => http.json<Job>({ method: "POST", path: `${job(id)}/cancel`, body: tasks === null ? {} : { tasks } }),
    retry: (id, tasks = null) =>
      http.json<Job>({
        method: "POST",
        path: `${job(id)}/retry`,
        body: tasks === null ? {} : { tasks },
        headers: { "idempotency-key": randomUUID() },
      }),
    logs: (id, query, signal) => http.open({ path: `${job(id)}/logs`, query: { ...query }, headers: NDJSON, ...withSignal(signal) }),
    events: async (id) => (await http.json<{ items: JobEvent[] }>({ path: `${job(id)}/events` })).items,
    followEvents: (id, signal) => http.open({ path: `${job(id)}/events`, query: { follow: true }, headers: NDJSON, ...withSignal(signal) }),
    nodes: async (signal) => itemsOf(await http.json<NodeView[] | { items: NodeView[] }>({ path: "/v1/nodes", ...withSignal(signal) })),
    node: (id) => http.json<NodeView>({ path: `/v1/nodes/${encodeURIComponent(id)}` }),
    patchNode: (id, patch) => http.json<NodeView>({ method: "PATCH", path: `/v1/nodes/${encodeURIComponent(id)}`, body: patch }),
    removeNode: (id) => remove(http, `/v1/nodes/${encodeURIComponent(id)}`),
    explain: (id) => http.json<ExplanationView>({ path: `${job(id)}/explain` }),
    plan: (spec) => http.json<ExplanationView>({ method: "POST", path: "/v1/plan", body: spec }),
    projects: async () => (await http.json<{ items: ProjectView[] }>({ path: "/v1/projects" })).items,
    project: (name) => http.json<ProjectView>({ path: `/v1/projects/${encodeURIComponent(name)}` }),
    removeProject: (name) => remove(http, `/v1/projects/${encodeURIComponent(name)}`),
    setProject: (name, input) => http.json<ProjectView>({ method: "PUT", path: `/v1/projects/${encodeURIComponent(name)}`, body: input }),
    reservations: async () => (await http.json<{ items: ReservationView[] }>({ path: "/v1/reservations" })).items,
    createReservation: (input) => http.json<ReservationView>({ method: "POST", path: "/v1/reservations", body: input }),
    removeReservation: (name) => remove(http, `/v1/reservations/${encodeURIComponent(name)}`),
    version: (signal) => http.json<ServerVersion>({ path: "/v1/version", ...withSignal(signal) }),
    createToken: (kind, ttlSeconds) => http.json<Token>({ method: "POST", path: "/v1/tokens", body: { kind, ttlSeconds } }),
  };
}

async function remove(http: HttpClient, path: string): Promise<void> {
  (await http.open({ method: "DELETE", path })).resume();
}

async function listJobs(http: HttpClient, filter: JobFilter, signal?: AbortSignal): Promise<Job[]> {
  const { states, limit, ...rest } = filter;
  const jobs: Job[] = [];
  let cursor: string | undefined;
  do {
    const size = Math.min(PAGE, (limit ?? Number.POSITIVE_INFINITY) - jobs.length);
    const query = { ...rest, ...(states.length > 0 ? { state: states.join(",") } : {}), limit: size, cursor };
    const page = await http.json<{ items: Job[]; nextCursor: string | null }>({ path: "/v1/jobs", query, ...withSignal(signal) });
    jobs.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && (limit === undefined || jobs.length < limit));
  return jobs;
}

function itemsOf<T>(answer: T[] | { items: T[] }): T[] {
  return Array.isArray(answer) ? answer : answer.items;
}

function withSignal(signal: AbortSignal | undefined): Pick<HttpRequest, "signal"> {
  return signal ? { signal } : {};
}
