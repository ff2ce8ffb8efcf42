import { createHash, type Hash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import type { Clock } from "../../../shared/domain/index.ts";
import { algorithmOf } from "../../../shared/oci/index.ts";
import { writeFileDurably } from "../../platform/index.ts";
import type { ByteRange } from "../http/parse-range.ts";
import { isSession } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import type { RegistryPaths } from "../registry-paths.ts";
import type { Repositories } from "../repositories/repositories.ts";

const SessionSchema = Type.Object({ repository: Type.String(), startedMs: Type.Number() });

interface Session extends Static<typeof SessionSchema> {
  uuid: string;
  /** Bytes received. */
  size: number;
  /** sha256 of all of them; null when it must be taken from the file (after a restart, or bytes taken back). */
  hash: Hash | null;
  touchedMs: number;
  /** What writes to it now; a later request takes over from it. */
  writer: { abort: AbortController; done: Promise<unknown> } | null;
}

export interface Chunk {
  body: Readable;
  /** Where it belongs; null: right after what is there. */
  range: ByteRange | null;
}

/** Pushes in flight. They are on disk, so they outlive the process. */
export interface UploadSessions {
  /** @throws RegistryError TOOMANYREQUESTS */
  start(repository: string): Promise<string>;
  /** Bytes received so far. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
  size(repository: string, uuid: string): number;
  /** Returns the new size. @throws RegistryError RANGE_INVALID (416), SIZE_INVALID, BLOB_UPLOAD_UNKNOWN */
  append(repository: string, uuid: string, chunk: Chunk): Promise<number>;
  /** Takes the last chunk (may be empty), checks the digest, makes the blob. @throws as append, and DIGEST_INVALID */
  finish(repository: string, uuid: string, digest: string, chunk: Chunk): Promise<void>;
  cancel(repository: string, uuid: string): Promise<void>;
  /** Removes those that nobody touched for `ageMs`. Returns how many. */
  sweep(ageMs: number): Promise<number>;
}

/** Each may hold a file of any size: enough for a rack of builders, too few to fill an inode table. */
const MAX_SESSIONS = 2_000;

/** Takes up the sessions that were open when the server ended. */
export async function openUploadSessions(parts: {
  paths: RegistryPaths;
  repositories: Repositories;
  clock: Clock;
}): Promise<UploadSessions> {
  const { paths, repositories, clock } = parts;
  const sessions = await loadSessions(paths);
  const find = (repository: string, uuid: string): Session => {
    const session = sessions.get(uuid);
    // One of another repository is unknown, too: its id is no right to it.
    if (session?.repository !== repository) throw new RegistryError("BLOB_UPLOAD_UNKNOWN", "there is no such upload");
    return session;
  };
  const remove = async (session: Session) => {
    sessions.delete(session.uuid);
    await rm(paths.upload(session.uuid), { force: true });
    await rm(`${paths.upload(session.uuid)}.json`, { force: true });
  };
  /** One writer a session. A client that comes back has lost the connection of its last request: that one is ended. */
  const writing = async <T>(session: Session, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const before = session.writer;
    const abort = new AbortController();
    const done = (async () => {
      before?.abort.abort();
      await before?.done.catch(() => undefined);
      if (sessions.get(session.uuid) !== session) throw new RegistryError("BLOB_UPLOAD_UNKNOWN", "the upload is over");
      session.touchedMs = clock.now();
      return work(abort.signal);
    })();
    const writer = { abort, done };
    session.writer = writer;
    try {
      return await done;
    } finally {
      if (session.writer === writer) session.writer = null;
    }
  };
  return {
    async start(repository) {
      if (sessions.size >= MAX_SESSIONS)
        throw new RegistryError("TOOMANYREQUESTS", "too many uploads are under way", { headers: { "retry-after": "30" } });
      const uuid = randomUUID();
      const startedMs = clock.now();
      const session = { uuid, repository, startedMs, size: 0, hash: createHash("sha256"), touchedMs: startedMs, writer: null };
      sessions.set(uuid, session);
      await (await open(paths.upload(uuid), "w", 0o600)).close();
      await writeFileDurably(`${paths.upload(uuid)}.json`, JSON.stringify({ repository, startedMs }));
      return uuid;
    },
    size: (repository, uuid) => find(repository, uuid).size,
    async append(repository, uuid, chunk) {
      const session = find(repository, uuid);
      return writing(session, (signal) => receive(paths, session, chunk, signal));
    },
    async finish(repository, uuid, digest, chunk) {
      const session = find(repository, uuid);
      return writing(session, async (signal) => {
        await receive(paths, session, chunk, signal);
        const sha256 = await verifiedSha256(paths, session, digest);
        if (sha256 === null) {
          await remove(session);
          throw new RegistryError("DIGEST_INVALID", `the ${session.size} bytes that came are not ${digest}`);
        }
        await syncFile(paths.upload(uuid));
        await repositories.addBlob(repository, digest, paths.upload(uuid), sha256);
        await remove(session);
      });
    },
    async cancel(repository, uuid) {
      const session = find(repository, uuid);
      return writing(session, () => remove(session));
    },
    async sweep(ageMs) {
      const old = [...sessions.values()].filter(({ touchedMs, writer }) => writer === null && clock.now() - touchedMs > ageMs);
      for (const session of old) await remove(session);
      return old.length;
    },
  };
}

/** Writes the chunk at the end of the file. What came before the connection broke stays: the client resumes there. */
async function receive(paths: RegistryPaths, session: Session, { body, range }: Chunk, signal: AbortSignal): Promise<number> {
  if (range !== null && range.start !== session.size) throw outOfOrder(session, range.start);
  const begin = session.size;
  const handle = await open(paths.upload(session.uuid), "r+");
  const stop = () => body.destroy(new Error("another request took over the upload"));
  signal.addEventListener("abort", stop);
  try {
    // Not destroyed when the loop is left: the connection is still needed for the answer.
    for await (const bytes of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      // More than the range said: the rest of the body is not looked at.
      if (range !== null && session.size + bytes.byteLength > range.end + 1) throw await takenBack(session, handle, begin, range);
      await writeAll(handle, bytes, session.size);
      session.hash?.update(bytes);
      session.size += bytes.byteLength;
    }
    if (range !== null && session.size !== range.end + 1) throw await takenBack(session, handle, begin, range);
    return session.size;
  } finally {
    signal.removeEventListener("abort", stop);
    await handle.close();
  }
}

async function takenBack(session: Session, handle: FileHandle, begin: number, range: ByteRange): Promise<RegistryError> {
  if (session.size !== begin) session.hash = null;
  session.size = begin;
  await handle.truncate(begin);
  return new RegistryError("SIZE_INVALID", `the body is not the ${range.end - range.start + 1} bytes that Content-Range says`);
}

function outOfOrder(session: Session, start: number): RegistryError {
  return new RegistryError("RANGE_INVALID", `the chunk starts at ${start}, but ${session.size} bytes are here`, {
    headers: uploadHeaders(session.repository, session.uuid, session.size),
  });
}

/** What every answer about an upload says (spec: "Pushing a blob in chunks"). */
export function uploadHeaders(repository: string, uuid: string, size: number): Record<string, string> {
  return {
    location: `/v2/${repository}/blobs/uploads/${uuid}`,
    range: `0-${Math.max(0, size - 1)}`,
    "docker-upload-uuid": uuid,
  };
}

/** The sha256 of what was received, when its `digest` is right; null when it is not. */
async function verifiedSha256(paths: RegistryPaths, session: Session, digest: string): Promise<string | null> {
  const sha256 = `sha256:${session.hash?.copy().digest("hex") ?? (await hashFile(paths.upload(session.uuid), "sha256"))}`;
  if (algorithmOf(digest) === "sha256") return digest === sha256 ? sha256 : null;
  return digest === `sha512:${await hashFile(paths.upload(session.uuid), "sha512")}` ? sha256 : null;
}

async function hashFile(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r");
  await handle.sync().finally(() => handle.close());
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    done += (await handle.write(bytes, done, bytes.byteLength - done, position + done)).bytesWritten;
  }
}

/** What an earlier process left. A file without its record, or a record without its file, is the end of a finished one. */
async function loadSessions(paths: RegistryPaths): Promise<Map<string, Session>> {
  await mkdir(paths.uploads, { recursive: true, mode: 0o700 });
  const sessions = new Map<string, Session>();
  const names = new Set(await readdir(paths.uploads));
  for (const name of names) {
    const uuid = name.replace(/\.json$/, "");
    const record = isSession(uuid) && names.has(uuid) && names.has(`${uuid}.json`) ? await readSession(`${paths.upload(uuid)}.json`) : null;
    if (record === null) await rm(join(paths.uploads, name), { force: true });
    else if (name === uuid) {
      const { size, mtimeMs } = await stat(paths.upload(uuid));
      sessions.set(uuid, { ...record, uuid, size, hash: null, touchedMs: mtimeMs, writer: null });
    }
  }
  return sessions;
}

async function readSession(path: string): Promise<Static<typeof SessionSchema> | null> {
  const record: unknown = JSON.parse(await readFile(path, "utf8"));
  return Value.Check(SessionSchema, record) ? record : null;
}
