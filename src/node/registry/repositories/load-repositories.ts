import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Value } from "typebox/value";
import { isDigest } from "../../../shared/oci/index.ts";
import { syncFolder } from "../../platform/index.ts";
import { isRepository, isTag } from "../names.ts";
import { parseLink, type RegistryPaths } from "../registry-paths.ts";
import { addManifest, emptyRepository, ManifestRecordSchema, type Repository } from "./repository.ts";

/** Reads every repository from disk. Leftovers of a crash (temporary files) are removed. */
export async function loadRepositories(paths: RegistryPaths): Promise<Map<string, Repository>> {
  const repositories = new Map<string, Repository>();
  for (const folder of await namesIn(paths.repositories)) {
    const name = folder.replaceAll("+", "/");
    if (!isRepository(name)) continue;
    // A crash may have cut short how they were made.
    await makeRepositoryFolders(paths, name);
    repositories.set(name, await loadRepository(paths, name));
  }
  return repositories;
}

/** The folders of a repository, with their names on disk. */
export async function makeRepositoryFolders(paths: RegistryPaths, name: string): Promise<void> {
  const folder = paths.repository(name);
  const made = [];
  for (const part of ["blobs", "manifests", "tags"]) made.push(await mkdir(join(folder, part), { recursive: true, mode: 0o700 }));
  if (made.every((first) => first === undefined)) return;
  await syncFolder(folder);
  await syncFolder(paths.repositories);
}

async function loadRepository(paths: RegistryPaths, name: string): Promise<Repository> {
  const repository = emptyRepository();
  const folder = paths.repository(name);
  for (const file of await kept(join(folder, "blobs"))) {
    const link = parseLink(file);
    if (link === null) continue;
    const { mtimeMs } = await stat(join(folder, "blobs", file));
    repository.blobs.set(link.digest, { sha256: link.sha256, touchedMs: mtimeMs });
  }
  for (const file of await kept(join(folder, "manifests"))) {
    const link = parseLink(file);
    const record = link === null ? null : await readRecord(join(folder, "manifests", file));
    if (link !== null && record !== null) addManifest(repository, link.digest, { ...record, sha256: link.sha256 });
  }
  for (const tag of await kept(join(folder, "tags"))) {
    const digest = await readFile(join(folder, "tags", tag), "utf8");
    // Its manifest goes after its tags: a tag without one is a delete that a crash cut short.
    if (isTag(tag) && isDigest(digest) && repository.manifests.has(digest)) repository.tags.set(tag, digest);
  }
  return repository;
}

async function readRecord(path: string) {
  const record: unknown = JSON.parse(await readFile(path, "utf8"));
  return Value.Check(ManifestRecordSchema, record) ? record : null;
}

async function kept(folder: string): Promise<string[]> {
  const names = await namesIn(folder);
  for (const name of names.filter((candidate) => candidate.startsWith("."))) await rm(join(folder, name), { force: true });
  return names.filter((name) => !name.startsWith("."));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
