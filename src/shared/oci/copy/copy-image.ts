import { BerthError, isBerthError } from "../../domain/index.ts";
import { type ArtifactDescriptor, parseAnyIndex, parseArtifact } from "../artifact.ts";
import { isIndexType, isManifestType } from "../media-types.ts";
import type { FetchedManifest } from "../registry/fetch-manifest.ts";
import { referrersTag } from "../registry/fetch-referrers.ts";
import type { RegistryClient } from "../registry/registry-client.ts";
import type { UploadOutcome } from "../registry/upload-blob.ts";
import { copyBlob } from "./copy-blob.ts";
import { listByTag } from "./referrers-index.ts";

export interface Side {
  client: RegistryClient;
  repository: string;
}

export interface CopySides {
  source: Side;
  target: Side;
}

export interface CopyRequest extends CopySides {
  /** Tag or digest at the source. */
  from: string;
  /** Tag at the target; null keeps the digest as the only name. */
  to: string | null;
  /** Digest of the one manifest to take of an index; null takes all of it. */
  choose: ((index: FetchedManifest) => string) | null;
  /** Signatures, SBOMs and whatever else is about what is copied. */
  referrers: boolean;
}

export interface Copied {
  /** Of what the name points at. */
  digest: string;
  manifests: number;
  /** Of these manifests, those that are about others. */
  referrers: number;
  blobs: Record<UploadOutcome, number>;
  /** That crossed this machine. */
  bytes: number;
}

export type CopyProgress = (line: { step: string; detail?: string; current?: number; total?: number }) => void;

const BLOBS_AT_ONCE = 4;
/** An index of indexes of manifests with signatures that are signed themselves: deeper is a mistake or an attack. */
const MAX_DEPTH = 6;
const MAX_MANIFESTS = 5_000;
/** Tags beside a manifest where cosign keeps what is about it. */
const COSIGN_SUFFIXES = ["sig", "att", "sbom"];

interface Copy {
  request: CopyRequest;
  progress: CopyProgress;
  signal: AbortSignal;
  done: Set<string>;
  blobs: Map<string, Promise<void>>;
  /** Subject -> referrers that the target does not list by itself. */
  unlisted: Map<string, ArtifactDescriptor[]>;
  result: Copied;
  slots: (work: () => Promise<void>) => Promise<void>;
}

/**
 * Copies from registry to registry byte for byte, nothing unpacked and nothing kept here: blobs first, then manifests from the
 * inside out, the name last. Run again after a failure it sends what is missing.
 * @throws BerthError image_not_found, image_invalid, digest_mismatch, registry_*
 */
export async function copyImage(request: CopyRequest, progress: CopyProgress, signal: AbortSignal): Promise<Copied> {
  const failed = new AbortController();
  const blobs = { exists: 0, mounted: 0, uploaded: 0 };
  const result = { digest: "", manifests: 0, referrers: 0, blobs, bytes: 0 };
  const own = AbortSignal.any([signal, failed.signal]);
  const slots = createSlots(BLOBS_AT_ONCE);
  const copy: Copy = { request, progress, signal: own, done: new Set(), blobs: new Map(), unlisted: new Map(), result, slots };
  try {
    progress({ step: "resolve", detail: request.from });
    const root = await rootManifest(copy);
    result.digest = root.digest;
    await copyTree(copy, root, request.to ?? root.digest, 0);
    for (const [subject, added] of copy.unlisted) await listByTag(request.target, subject, added, own);
    return result;
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled(copy.blobs.values());
    throw error;
  }
}

async function rootManifest({ request, signal }: Copy): Promise<FetchedManifest> {
  const { client, repository } = request.source;
  let found = await client.manifest(repository, request.from, signal);
  for (let depth = 0; request.choose !== null && found.kind === "index"; depth++) {
    if (depth === MAX_DEPTH) throw new BerthError("image_invalid", `index ${found.digest} is nested too deep`);
    found = await client.manifest(repository, request.choose(found), signal);
  }
  return found;
}

/** A manifest with all below it, then what is about it. */
async function copyTree(copy: Copy, manifest: FetchedManifest, name: string, depth: number): Promise<void> {
  if (depth > MAX_DEPTH) throw new BerthError("image_invalid", `${manifest.digest} is nested too deep`);
  if (copy.done.size >= MAX_MANIFESTS) throw new BerthError("image_invalid", `there are more than ${MAX_MANIFESTS} manifests`);
  const first = !copy.done.has(manifest.digest);
  copy.done.add(manifest.digest);
  if (first) await copyParts(copy, manifest, depth);
  await putManifest(copy, manifest, name);
  if (first && copy.request.referrers) await copyReferrers(copy, manifest.digest, depth);
}

async function copyParts(copy: Copy, manifest: FetchedManifest, depth: number): Promise<void> {
  if (manifest.kind === "manifest") {
    const { config, layers } = parseArtifact(manifest.bytes);
    await Promise.all([...layers.filter(isDistributable), config].map((blob) => copyBlobOnce(copy, blob)));
    return;
  }
  const { client, repository } = copy.request.source;
  for (const entry of parseAnyIndex(manifest.bytes).manifests) {
    if (!isManifestType(entry.mediaType) && !isIndexType(entry.mediaType)) await copyBlobOnce(copy, entry);
    else if (!copy.done.has(entry.digest))
      await copyTree(copy, await client.manifest(repository, entry.digest, copy.signal), entry.digest, depth + 1);
  }
}

/** Foreign layers stay where their `urls` say. */
function isDistributable({ mediaType }: ArtifactDescriptor): boolean {
  return !/\.nondistributable\.|\.rootfs\.foreign\.diff\./.test(mediaType);
}

function copyBlobOnce(copy: Copy, blob: ArtifactDescriptor): Promise<void> {
  const known = copy.blobs.get(blob.digest) ?? copy.slots(() => sendBlob(copy, blob));
  copy.blobs.set(blob.digest, known);
  return known;
}

async function sendBlob({ request, progress, signal, result }: Copy, blob: ArtifactDescriptor): Promise<void> {
  const detail = blob.digest.slice(7, 19);
  const total = blob.size;
  progress({ step: "upload", detail, current: 0, total });
  const outcome = await copyBlob(request, blob, (current) => progress({ step: "upload", detail, current, total }), signal);
  result.blobs[outcome]++;
  if (outcome === "uploaded") result.bytes += total;
  progress({ step: outcome, detail, current: total, total });
}

async function putManifest({ request, signal, result, unlisted }: Copy, manifest: FetchedManifest, name: string): Promise<void> {
  const { client, repository } = request.target;
  const { subjectListed } = await client.putManifest(repository, name, manifest, signal);
  result.manifests++;
  const about = aboutOf(manifest);
  if (about === null || subjectListed) return;
  const list = unlisted.get(about.subject) ?? [];
  if (!list.some(({ digest }) => digest === manifest.digest)) list.push(about.entry);
  unlisted.set(about.subject, list);
}

/** Its subject, and how a list of referrers shows it; null when it has none. */
function aboutOf({ bytes, digest, mediaType }: FetchedManifest): { subject: string; entry: ArtifactDescriptor } | null {
  const document = JSON.parse(bytes.toString("utf8")) as {
    subject?: { digest?: unknown };
    artifactType?: string;
    config?: { mediaType?: string };
    annotations?: Record<string, string>;
  };
  const { subject, annotations } = document;
  if (typeof subject?.digest !== "string") return null;
  const artifactType = document.artifactType ?? document.config?.mediaType;
  const entry = { mediaType, digest, size: bytes.byteLength, ...(artifactType && { artifactType }), ...(annotations && { annotations }) };
  return { subject: subject.digest, entry };
}

async function copyReferrers(copy: Copy, digest: string, depth: number): Promise<void> {
  const { request, signal, result } = copy;
  const { client, repository } = request.source;
  for (const referrer of await client.referrers(repository, digest, signal)) {
    if (copy.done.has(referrer.digest)) continue;
    result.referrers++;
    await copyTree(copy, await client.manifest(repository, referrer.digest, signal), referrer.digest, depth + 1);
  }
  for (const suffix of COSIGN_SUFFIXES) {
    const tag = `${referrersTag(digest)}.${suffix}`;
    const found = await orNull(client.manifest(repository, tag, signal));
    if (found === null) continue;
    result.referrers++;
    await copyTree(copy, found, tag, depth + 1);
  }
}

async function orNull(asked: Promise<FetchedManifest>): Promise<FetchedManifest | null> {
  try {
    return await asked;
  } catch (error) {
    if (isBerthError(error, "image_not_found")) return null;
    throw error;
  }
}

/** Runs at most `count` at a time, the others wait in order. */
function createSlots(count: number): Copy["slots"] {
  let free = count;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free--;
    try {
      await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
