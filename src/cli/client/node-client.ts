import type { Readable } from "node:stream";
import type { Credential } from "../../shared/credentials/index.ts";
import { BerthError } from "../../shared/domain/index.ts";
import type { GpuPlanQuery, GpuPlanView } from "./gpu-plan-view.ts";
import type { GpusView } from "./gpu-view.ts";
import type { HttpClient, HttpRequest } from "./http.ts";
import { readNdjson } from "./ndjson.ts";
import { errorOfProblem, type Problem } from "./problem.ts";

/** An image as the node shows it; `config` is the OCI image config. */
export interface ImageView {
  digest: string;
  references: string[];
  sizeBytes: number;
  createdAt: string | null;
  [field: string]: unknown;
}

/** `names`: what the archive calls it; older agents do not say. */
export type LoadedImageView = ImageView & { names?: string[] };

export interface ProgressLine {
  step: string;
  detail?: string;
  current?: number;
  total?: number;
  /** Who sends, where it is not the registry. */
  from?: string;
}

type StreamLine = Partial<ProgressLine> & { result?: unknown; error?: Problem };

export interface BuildQuery {
  tag: readonly string[];
  dockerfile: string;
  target: string | undefined;
  buildArg: readonly string[];
  noCache: boolean;
}

/** `credential`: what the user is logged in with; without one the agent's own is used. */
export interface PushQuery {
  reference: string;
  credential?: Credential;
}

export interface PullQuery extends PushQuery {
  platform?: string;
}

export type OnProgress = (line: ProgressLine) => void;

/** The agent's local API: images and builds. */
export interface NodeClient {
  images(): Promise<ImageView[]>;
  inspect(reference: string): Promise<ImageView>;
  remove(reference: string, force: boolean): Promise<{ untagged: string[]; deleted: string[]; freedBytes: number }>;
  tag(source: string, reference: string): Promise<ImageView>;
  prune(): Promise<{ freedBytes: number }>;
  bootstrap(reference: string, include: readonly string[], onProgress: OnProgress, signal?: AbortSignal): Promise<ImageView>;
  load(archive: Readable, query: { unpack: boolean }, onProgress: OnProgress, signal?: AbortSignal): Promise<LoadedImageView[]>;
  pull(query: PullQuery, onProgress: OnProgress, signal?: AbortSignal): Promise<ImageView>;
  push(query: PushQuery, onProgress: OnProgress, signal?: AbortSignal): Promise<{ digest: string; reference: string }>;
  save(references: readonly string[], format: string, signal?: AbortSignal): Promise<Readable>;
  build(context: Readable, query: BuildQuery, onProgress: OnProgress, signal?: AbortSignal): Promise<ImageView>;
  gpuPlan(query: GpuPlanQuery): Promise<GpuPlanView>;
  gpus(): Promise<GpusView>;
  releaseGpus(seconds: number): Promise<{ closed: boolean }>;
}

/**
 * Calls of node.sock; those with `onProgress` stream until the work is done, and an abort makes the node give it up.
 * @throws BerthError (each call) what the node's problem says, node_unavailable, forbidden
 */
export function nodeClient(http: HttpClient): NodeClient {
  const long = <T>(request: HttpRequest, onProgress: OnProgress, signal?: AbortSignal): Promise<T> =>
    readResult<T>(http, { ...request, method: "POST", ...(signal ? { signal } : {}) }, onProgress);
  return {
    images: async () => listOf(await http.json<ImageView[] | { items: ImageView[] }>({ path: "/v1/images" })),
    inspect: (reference) => http.json({ path: "/v1/images/inspect", query: { ref: reference } }),
    remove: (reference, force) => http.json({ method: "DELETE", path: "/v1/images", query: { ref: reference, ...(force && { force }) } }),
    tag: (source, reference) => http.json({ method: "POST", path: "/v1/images/tag", body: { source, reference } }),
    prune: () => http.json({ method: "POST", path: "/v1/images/prune", body: {} }),
    bootstrap: (reference, include, onProgress, signal) =>
      long({ path: "/v1/images/bootstrap", body: { reference, include } }, onProgress, signal),
    load: async (archive, query, onProgress, signal) =>
      listOf(
        await long<LoadedImageView[] | { items: LoadedImageView[] }>(
          { path: "/v1/images/load", query, stream: archive },
          onProgress,
          signal,
        ),
      ),
    pull: (query, onProgress, signal) => long({ path: "/v1/images/pull", body: query }, onProgress, signal),
    push: (query, onProgress, signal) => long({ path: "/v1/images/push", body: query }, onProgress, signal),
    save: (references, format, signal) =>
      http.open({ path: "/v1/images/save", query: { ref: references, format }, ...(signal ? { signal } : {}) }),
    build: (context, query, onProgress, signal) => long({ path: "/v1/build", query: { ...query }, stream: context }, onProgress, signal),
    gpuPlan: (query) => http.json({ method: "POST", path: "/v1/gpus/plan", body: query }),
    gpus: () => http.json({ path: "/v1/gpus" }),
    releaseGpus: (seconds) => http.json({ method: "POST", path: "/v1/gpus/release", body: { seconds } }),
  };
}

/** The result at the end of a stream of progress lines. @throws BerthError of the problem that is there instead */
export async function readResult<T>(http: HttpClient, request: HttpRequest, onProgress: OnProgress): Promise<T> {
  const stream = await http.open(request);
  try {
    for await (const line of readNdjson<StreamLine>(stream)) {
      if (line.error) throw errorOfProblem(line.error);
      if ("result" in line) return line.result as T;
      if (typeof line.step === "string") onProgress(line as ProgressLine);
    }
  } catch (error) {
    if (error instanceof BerthError || request.signal?.aborted) throw error;
    throw brokenOff(http, error);
  }
  throw brokenOff(http);
}

function brokenOff(http: HttpClient, cause?: unknown): BerthError {
  return new BerthError("node_unavailable", `${http.endpoint.label} ended before the work was done`, {
    cause,
    details: { hint: "look at the agent's log; when it is back, run this again: it goes on with what is there" },
  });
}

function listOf<T>(answer: T[] | { items: T[] }): T[] {
  return Array.isArray(answer) ? answer : answer.items;
}
