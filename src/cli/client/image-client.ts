import type { Readable } from "node:stream";
import type { HttpClient } from "./http.ts";
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

export interface ScrubView {
  checkedBlobs: number;
  checkedBytes: number;
  quarantinedBlobs: string[];
  layers: { checked: number; sealed: number; quarantined: string[]; damagedInUse: string[] };
  damagedImages: { digest: string; references: string[]; missing: string[] }[];
}

export interface ScrubQuery {
  bytesPerSecond: number;
  unpacked: boolean;
}

/** The routes of node.sock about images that only `berth images` asks. */
export interface ImageClient {
  usage(): Promise<StoreUsageView>;
  verify(reference: string, onProgress: OnProgress, signal: AbortSignal): Promise<VerifyView>;
  scrub(query: ScrubQuery, onProgress: OnProgress, signal: AbortSignal): Promise<ScrubView>;
}

export function imageClient(http: HttpClient): ImageClient {
  const long = <T>(
    path: string,
    more: { query?: Record<string, string>; body?: object; stream?: Readable },
    onProgress: OnProgress,
    signal: AbortSignal,
  ) => readResult<T>(http, { method: "POST", path, ...more, signal }, onProgress);
  return {
    usage: () => http.json({ path: "/v1/images/usage" }),
    verify: (ref, onProgress, signal) => long("/v1/images/verify", { query: { ref } }, onProgress, signal),
    scrub: (query, onProgress, signal) => long("/v1/images/scrub", { body: query }, onProgress, signal),
  };
}

export type { ImageView };
