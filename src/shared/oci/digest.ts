import { createHash, type Hash } from "node:crypto";
import { BerthError, isDigest } from "../domain/index.ts";

/** A hash of the digest's own algorithm. */
export function hashFor(digest: string): Hash {
  return createHash(digest.startsWith("sha512:") ? "sha512" : "sha256");
}

/** "sha256:<hex>" or "sha512:<hex>" of the bytes, by the algorithm of `like`. */
export function digestLike(like: string, bytes: Uint8Array): string {
  return `${like.slice(0, 6)}:${hashFor(like).update(bytes).digest("hex")}`;
}

/**
 * The hex part of a digest: safe as a file name.
 * @throws BerthError digest_mismatch for anything else than a sha256 digest ("sha256:../../x", sha512)
 */
export function digestHex(digest: string): string {
  if (!isDigest(digest)) throw new BerthError("digest_mismatch", `${JSON.stringify(digest.slice(0, 100))} is not a sha256 digest`);
  return digest.slice("sha256:".length);
}

/** "sha256:<hex>" of the bytes. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Hashes a stream piece by piece. */
export interface Digester {
  update(bytes: Uint8Array): void;
  /** May be called once. */
  digest(): string;
  /** Bytes seen so far. */
  readonly size: number;
}

export function createDigester(): Digester {
  const hash = createHash("sha256");
  let size = 0;
  return {
    update(bytes) {
      size += bytes.byteLength;
      hash.update(bytes);
    },
    digest: () => `sha256:${hash.digest("hex")}`,
    get size() {
      return size;
    },
  };
}

/** @throws BerthError digest_mismatch */
export function verifyDigest(bytes: Uint8Array, expected: string, what: string): void {
  const actual = digestOf(bytes);
  if (actual !== expected) throw new BerthError("digest_mismatch", `${what} has digest ${actual}, expected ${expected}`);
}
