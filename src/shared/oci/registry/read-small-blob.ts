import { BerthError } from "../../domain/index.ts";
import { verifyDigest } from "../digest.ts";
import type { RegistryClient } from "./registry-client.ts";
import { withRetries } from "./retries.ts";

/**
 * A blob that is held in memory, checked; retried. `what` names it in messages ("the signature").
 * @throws BerthError image_invalid (more than `maxBytes`, or no such blob), digest_mismatch, registry_*
 */
export async function readSmallBlob(
  client: RegistryClient,
  blob: { repository: string; digest: string; size: number },
  { what, maxBytes }: { what: string; maxBytes: number },
  signal: AbortSignal,
): Promise<Buffer> {
  const { repository, digest, size } = blob;
  if (size > maxBytes) throw new BerthError("image_invalid", `${what} ${digest} has ${size} bytes, at most ${maxBytes} are looked at`);
  return withRetries(client.retry, signal, async () => {
    const { body } = await client.blob(repository, { digest, size }, { from: 0, to: size }, 0, signal);
    const chunks: Buffer[] = [];
    let read = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      read += chunk.byteLength;
      if (read > size) throw new BerthError("digest_mismatch", `${what} ${digest} has more than ${size} bytes`);
      chunks.push(chunk);
    }
    const bytes = Buffer.concat(chunks);
    verifyDigest(bytes, digest, `${what} ${digest}`);
    return bytes;
  });
}
