import { type Static, Type } from "typebox";

/** What is remembered of a manifest, so that it need not be read again to know what it reaches. */
export const ManifestRecordSchema = Type.Object({
  mediaType: Type.String(),
  /** Bytes. */
  size: Type.Integer({ minimum: 0 }),
  /** Digests of the blobs and manifests it names. */
  references: Type.Array(Type.String()),
  /** The manifest it is about (an attachment, a signature). */
  subject: Type.Union([Type.String(), Type.Null()]),
});

export interface ManifestRecord extends Static<typeof ManifestRecordSchema> {
  /** Where its bytes lie in the store; equals its digest unless that is a sha512. */
  sha256: string;
}

/** One repository as the server holds it in memory; the disk has the same. */
export interface Repository {
  /** Digest -> where its bytes lie. */
  blobs: Map<string, { sha256: string; touchedMs: number }>;
  manifests: Map<string, ManifestRecord>;
  tags: Map<string, string>;
  /** Subject -> digests of the manifests about it. */
  referrers: Map<string, Set<string>>;
}

/** Of a name that nothing was pushed to yet; it shows nowhere until something was. */
export function emptyRepository(): Repository {
  return { blobs: new Map(), manifests: new Map(), tags: new Map(), referrers: new Map() };
}

/** Changes `repository` in place; what the manifest is about has it as a referrer. */
export function addManifest(repository: Repository, digest: string, record: ManifestRecord): void {
  repository.manifests.set(digest, record);
  if (record.subject === null) return;
  const about = repository.referrers.get(record.subject) ?? new Set();
  repository.referrers.set(record.subject, about.add(digest));
}

/** Changes `repository` in place; what the manifest was about loses it as a referrer. */
export function dropManifest(repository: Repository, digest: string): void {
  const subject = repository.manifests.get(digest)?.subject ?? null;
  repository.manifests.delete(digest);
  if (subject === null) return;
  const about = repository.referrers.get(subject);
  about?.delete(digest);
  if (about?.size === 0) repository.referrers.delete(subject);
}

/** Blobs that no manifest of the repository names and that nobody touched since `beforeMs`: pushes that never ended. */
export function abandonedBlobs(repository: Repository, beforeMs: number): string[] {
  const named = new Set([...repository.manifests.values()].flatMap((manifest) => manifest.references));
  return [...repository.blobs].filter(([digest, { touchedMs }]) => touchedMs < beforeMs && !named.has(digest)).map(([digest]) => digest);
}
