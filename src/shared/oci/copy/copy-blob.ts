import type { Hash } from "node:crypto";
import { Readable } from "node:stream";
import { BerthError } from "../../domain/index.ts";
import type { ArtifactDescriptor } from "../artifact.ts";
import { hashFor } from "../digest.ts";
import type { RegistryClient } from "../registry/registry-client.ts";
import { isTransient } from "../registry/retries.ts";
import type { UploadOutcome } from "../registry/upload-blob.ts";
import type { CopySides } from "./copy-image.ts";

interface Range {
  from: number;
  to: number;
}

const REOPENINGS = 5;

/**
 * Brings one blob over, through memory only: not at all when it is there, by a mount within one registry, else its bytes, each
 * piece of them hashed on the way.
 * @throws BerthError digest_mismatch, registry_*
 */
export async function copyBlob(
  sides: CopySides,
  blob: ArtifactDescriptor,
  onBytes: (sent: number) => void,
  signal: AbortSignal,
): Promise<UploadOutcome> {
  const { source, target } = sides;
  const check = createRunningCheck(blob.digest);
  const sameRegistry = source.client.registry === target.client.registry && source.repository !== target.repository;
  const open = (range: Range) => {
    const bytes = check.follow(range, readRange(source.client, source.repository, blob, range, signal));
    return Readable.from(counted(range.from, bytes, onBytes), { objectMode: false });
  };
  const elsewhere = sameRegistry ? [source.repository] : [];
  const outcome = await target.client.uploadBlob(target.repository, { digest: blob.digest, size: blob.size, open, elsewhere }, signal);
  if (outcome === "uploaded") check.end(blob.size);
  return outcome;
}

async function* counted(from: number, bytes: AsyncIterable<Buffer>, onBytes: (sent: number) => void): AsyncGenerator<Buffer> {
  let sent = from;
  for await (const chunk of bytes) {
    sent += chunk.byteLength;
    onBytes(sent);
    yield chunk;
  }
}

/** The bytes of a range, opened again where the source's connection broke. */
async function* readRange(
  client: RegistryClient,
  repository: string,
  blob: ArtifactDescriptor,
  { from, to }: Range,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  let position = from;
  for (let turn = 0; position < to; turn++) {
    try {
      const { body, start } = await client.blob(repository, blob, { from: position, to }, turn, signal);
      let at = start;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        // A source without ranges sends the whole.
        const wanted = chunk.subarray(Math.max(0, position - at), Math.max(0, to - at));
        at += chunk.byteLength;
        if (wanted.byteLength === 0) continue;
        position += wanted.byteLength;
        yield wanted;
      }
      if (position < to)
        throw new BerthError("registry_unavailable", `${client.registry} sent only ${position} bytes of blob ${blob.digest}`);
    } catch (error) {
      if (signal.aborted || turn >= REOPENINGS || !isTransient(error)) throw error;
      await client.retry.clock.sleep(client.retry.baseMs, signal);
    }
  }
}

/**
 * Hashes ranges that follow one another. Where a piece is sent again the hash goes back to its beginning; where an upload goes
 * on in the middle of one, the target's own check of the digest has to do.
 */
function createRunningCheck(digest: string) {
  const begun = new Map<number, Hash>([[0, hashFor(digest)]]);
  return {
    async *follow({ from, to }: Range, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      const hash = begun.get(from)?.copy();
      for await (const chunk of bytes) {
        hash?.update(chunk);
        yield chunk;
      }
      if (hash === undefined) return;
      if (from < to) begun.set(to, hash);
    },
    /** @throws BerthError digest_mismatch */
    end(size: number): void {
      const found = begun.get(size)?.copy().digest("hex");
      if (found !== undefined && found !== digest.slice(digest.indexOf(":") + 1))
        throw new BerthError("digest_mismatch", `blob ${digest} came with another digest: ${found}`);
    },
  };
}
