import { open, rm, utimes } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "../../../shared/domain/index.ts";
import { syncFolder, writeFileDurably } from "../../platform/index.ts";
import { linkName, type RegistryPaths } from "../registry-paths.ts";
import { createSerialQueue } from "../serial-queue.ts";
import type { BlobFiles } from "./blob-files.ts";
import { loadRepositories, makeRepositoryFolders } from "./load-repositories.ts";
import { abandonedBlobs, addManifest, dropManifest, emptyRepository, type ManifestRecord, type Repository } from "./repository.ts";

/** The repositories: what each of them holds and names. Every change is on disk before it resolves. */
export interface Repositories {
  /** Sorted names of those that have a manifest or a blob. */
  names(): string[];
  get(name: string): Repository | null;
  /** The verified, fsynced file becomes a blob of the repository. */
  addBlob(name: string, digest: string, file: string, sha256: string): Promise<void>;
  /** A blob that the store has already; false when it has not. */
  linkBlob(name: string, digest: string, sha256: string): Promise<boolean>;
  /** A client was told that the blob is here and will build on it: the sweep leaves it alone for a while. */
  touchBlob(name: string, digest: string): Promise<void>;
  /** Runs `check` with nothing else changing in the repository, then stores the manifest and moves the tags to it. */
  putManifest(name: string, put: ManifestPut, check: (repository: Repository) => Promise<void>): Promise<void>;
  deleteManifest(name: string, digest: string): Promise<boolean>;
  deleteTag(name: string, tag: string): Promise<boolean>;
  deleteBlob(name: string, digest: string): Promise<boolean>;
  /** Lets go of blobs of pushes that never ended. Returns how many. */
  sweep(): Promise<number>;
}

export interface ManifestPut {
  digest: string;
  bytes: Uint8Array;
  record: Omit<ManifestRecord, "sha256">;
  tags: readonly string[];
}

/** Longer than any client takes from "the blob is there" to the manifest that names it. */
const ABANDONED_MS = 24 * 3600 * 1000;

/** Reads everything that is on disk; the caller holds registry/lock, so nobody else changes it. */
export async function openRepositories(parts: { paths: RegistryPaths; files: BlobFiles; clock: Clock }): Promise<Repositories> {
  const { paths, files, clock } = parts;
  const all = await loadRepositories(paths);
  const serial = createSerialQueue();
  const get = (name: string) => all.get(name) ?? null;
  const ensure = async (name: string): Promise<Repository> => {
    const known = all.get(name);
    if (known !== undefined) return known;
    await makeRepositoryFolders(paths, name);
    const made = all.get(name) ?? emptyRepository();
    all.set(name, made);
    return made;
  };
  const linked = (repository: Repository, name: string, digest: string, sha256: string) => async () => {
    await createEmpty(paths.blobLink(name, linkName(digest, sha256)));
    repository.blobs.set(digest, { sha256, touchedMs: clock.now() });
  };
  const removeBlob = async (name: string, repository: Repository, digest: string) => {
    const blob = repository.blobs.get(digest);
    if (blob === undefined) return false;
    await remove(paths.blobLink(name, linkName(digest, blob.sha256)));
    return repository.blobs.delete(digest);
  };
  const removeTag = async (name: string, repository: Repository, tag: string) => {
    if (!repository.tags.has(tag)) return false;
    await remove(paths.tag(name, tag));
    return repository.tags.delete(tag);
  };
  return {
    names: () =>
      [...all]
        .filter(([, { manifests, blobs }]) => manifests.size + blobs.size > 0)
        .map(([name]) => name)
        .sort(),
    get,
    addBlob: (name, digest, file, sha256) =>
      serial(name, async () => files.publish(file, sha256, linked(await ensure(name), name, digest, sha256))),
    linkBlob: (name, digest, sha256) =>
      serial(name, async () => files.linkExisting(sha256, linked(await ensure(name), name, digest, sha256))),
    async touchBlob(name, digest) {
      const blob = get(name)?.blobs.get(digest);
      // Once an hour is enough, and a HEAD must stay cheap.
      if (blob === undefined || clock.now() - blob.touchedMs < ABANDONED_MS / 24) return;
      blob.touchedMs = clock.now();
      const seconds = blob.touchedMs / 1000;
      await utimes(paths.blobLink(name, linkName(digest, blob.sha256)), seconds, seconds);
    },
    putManifest: (name, put, check) =>
      serial(name, async () => {
        const repository = await ensure(name);
        await check(repository);
        await files.publishBytes(put.bytes, async (sha256) => {
          await writeFileDurably(paths.manifestLink(name, linkName(put.digest, sha256)), JSON.stringify(put.record));
          addManifest(repository, put.digest, { ...put.record, sha256 });
        });
        for (const tag of put.tags) {
          await writeFileDurably(paths.tag(name, tag), put.digest);
          repository.tags.set(tag, put.digest);
        }
      }),
    deleteManifest: (name, digest) =>
      serial(name, async () => {
        const repository = get(name);
        const record = repository?.manifests.get(digest);
        if (repository === null || record === undefined) return false;
        for (const [tag, named] of [...repository.tags]) if (named === digest) await removeTag(name, repository, tag);
        await remove(paths.manifestLink(name, linkName(digest, record.sha256)));
        dropManifest(repository, digest);
        return true;
      }),
    deleteTag: (name, tag) =>
      serial(name, async () => {
        const repository = get(name);
        return repository !== null && removeTag(name, repository, tag);
      }),
    deleteBlob: (name, digest) =>
      serial(name, async () => {
        const repository = get(name);
        return repository !== null && removeBlob(name, repository, digest);
      }),
    async sweep() {
      let swept = 0;
      for (const name of [...all.keys()]) {
        await serial(name, async () => {
          const repository = get(name);
          const abandoned = repository === null ? [] : abandonedBlobs(repository, clock.now() - ABANDONED_MS);
          for (const digest of abandoned) if (repository !== null && (await removeBlob(name, repository, digest))) swept += 1;
        });
      }
      return swept;
    },
  };
}

async function createEmpty(path: string): Promise<void> {
  await (await open(path, "w", 0o600)).close();
  await syncFolder(dirname(path));
}

async function remove(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}
