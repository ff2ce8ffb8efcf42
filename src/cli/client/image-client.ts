import type { Readable } from "node:stream";
import type { HttpClient, HttpRequest } from "./http.ts";
import { type ImageView, type OnProgress, readResult } from "./node-client.ts";

export interface LayerUsageView {
  digest: string;
  chainId: string;
  bytes: number;
  unpackedBytes: number | null;
  images: number;
  createdBy: string;
}

export interface ImageUsageView {
  digest: string;
  references: string[];
  layers: LayerUsageView[];
  totalBytes: number;
  sharedBytes: number;
  uniqueBytes: number;
}

interface Amount {
  count: number;
  bytes: number;
  unreachedBytes: number;
}

export interface StoreUsageView {
  images: ImageUsageView[];
  unreadable: { digest: string; references: string[] }[];
  blobs: Amount;
  layers: Amount;
  /** Copies for user namespaces. */
  chownedLayers: Amount;
  /** Older agents do not say. */
  registryBytes?: number;
  savedBytes: number;
  quarantineBytes: number;
  partialBytes: number;
}

export interface VerifyView {
  digest: string;
  references: string[];
  whole: boolean;
  blobs: { kind: string; digest: string; sizeBytes: number | null; problem: string | null }[];
}

interface LayersScrubView {
  checked: number;
  sealed: number;
  quarantined: string[];
  damagedInUse: string[];
}

export interface ScrubView {
  checkedBlobs: number;
  checkedBytes: number;
  quarantinedBlobs: string[];
  layers: LayersScrubView;
  chownedLayers: LayersScrubView;
  damagedImages: { digest: string; references: string[]; missing: string[] }[];
}

export interface ScrubQuery {
  bytesPerSecond: number;
  unpacked: boolean;
}

export interface FileChangeView {
  kind: "A" | "C" | "D";
  path: string;
}

export interface ContainerQuery {
  container: string;
  rank: number;
}

export interface CommitQuery extends ContainerQuery {
  reference: string;
  changes: readonly string[];
  author?: string;
  message?: string;
}

export interface ImportQuery {
  reference?: string;
  change: readonly string[];
  message?: string;
}

export interface RebaseQuery {
  image: string;
  onto: string;
  oldBase?: string;
  reference?: string;
}

export interface RebaseView {
  image: ImageView;
  oldBase: { digest: string; references: string[] };
  newBase: { digest: string; references: string[] };
}

export type TrustRuleView = "allow" | "reject" | { keys: string[]; identity?: string };

export interface TrustView {
  path: string;
  policy: { default?: TrustRuleView; repositories?: Record<string, TrustRuleView> };
}

export interface TrustCheckView {
  digest: string;
  /** Of the rule that decided; null for the default. */
  prefix: string | null;
  rule: "allow" | "reject" | "signed";
  signed: string | null;
}

/** The routes of node.sock about images that only `berth images` asks. */
export interface ImageClient {
  usage(): Promise<StoreUsageView>;
  verify(reference: string, onProgress: OnProgress, signal: AbortSignal): Promise<VerifyView>;
  diff(query: ContainerQuery): Promise<FileChangeView[]>;
  exportContainer(query: ContainerQuery, signal: AbortSignal): Promise<Readable>;
  commit(query: CommitQuery, onProgress: OnProgress, signal: AbortSignal): Promise<ImageView>;
  import(tar: Readable, query: ImportQuery, onProgress: OnProgress, signal: AbortSignal): Promise<ImageView>;
  rebase(query: RebaseQuery): Promise<RebaseView>;
  scrub(query: ScrubQuery, onProgress: OnProgress, signal: AbortSignal): Promise<ScrubView>;
  trust(): Promise<TrustView>;
  /** `prefix` null is the default; `rule` null takes it away. */
  setTrust(prefix: string | null, rule: TrustRuleView | null): Promise<TrustView>;
  checkTrust(reference: string): Promise<TrustCheckView>;
}

/**
 * Calls of node.sock; those with `onProgress` stream until the work is done, and an abort makes the node give it up.
 * @throws BerthError (each call) what the node's problem says, node_unavailable, forbidden
 */
export function imageClient(http: HttpClient): ImageClient {
  const long = <T>(path: string, more: Partial<HttpRequest>, onProgress: OnProgress, signal: AbortSignal) =>
    readResult<T>(http, { method: "POST", path, ...more, signal }, onProgress);
  return {
    usage: () => http.json({ path: "/v1/images/usage" }),
    verify: (ref, onProgress, signal) => long("/v1/images/verify", { query: { ref } }, onProgress, signal),
    scrub: (query, onProgress, signal) => long("/v1/images/scrub", { body: query }, onProgress, signal),
    diff: async (query) => (await http.json<{ items: FileChangeView[] }>({ path: "/v1/containers/diff", query: { ...query } })).items,
    exportContainer: (query, signal) => http.open({ path: "/v1/containers/export", query: { ...query }, signal }),
    commit: (query, onProgress, signal) => long("/v1/containers/commit", { body: query }, onProgress, signal),
    import: (tar, query, onProgress, signal) => long("/v1/images/import", { query: { ...query }, stream: tar }, onProgress, signal),
    trust: () => http.json({ path: "/v1/trust" }),
    setTrust: (prefix, rule) => http.json({ method: "PUT", path: "/v1/trust/rule", body: { prefix, rule } }),
    checkTrust: (ref) => http.json({ path: "/v1/trust/check", query: { ref } }),
    rebase: (query) => http.json({ method: "POST", path: "/v1/images/rebase", body: query }),
  };
}
