import { createHash, type Hash } from "node:crypto";
import { algorithmOf, BerthError, isDigest } from "../domain/index.ts";

/** A hash of the digest's own algorithm. */
export function hashFor(digest: string): Hash {
  return createHash(algorithmOf(digest));
}

/** "sha256:<hex>" or "sha512:<hex>" of the bytes, by the algorithm of `like`. */
export function digestLike(like: string, bytes: Uint8Array): string {
  return `${algorithmOf(like)}:${hashFor(like).update(bytes).digest("hex")}`;
}

/**
 * The hex part of a digest: safe as a file name, and different for each digest.
 * @throws BerthError digest_mismatch for anything else than a digest ("sha256:../../x", "md5:...")
 */
export function digestHex(digest: string): string {
  if (!isDigest(digest))
    throw new BerthError("digest_mismatch", `${JSON.stringify(digest.slice(0, 100))} is not a sha256 or sha512 digest`);
  return digest.slice(algorithmOf(digest).length + 1);
}

/** The digest with this hex part; null when there is none. */
export function digestOfHex(hex: string): string | null {
  const digest = `${hex.length === 128 ? "sha512" : "sha256"}:${hex}`;
  return isDigest(digest) ? digest : null;
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

/** `like` is a digest of the algorithm that is wanted; sha256 when left out. */
export function createDigester(like = "sha256:"): Digester {
  const hash = hashFor(like);
  let size = 0;
  return {
    update(bytes) {
      size += bytes.byteLength;
      hash.update(bytes);
    },
    digest: () => `${algorithmOf(like)}:${hash.digest("hex")}`,
    get size() {
      return size;
    },
  };
}

/** @throws BerthError digest_mismatch */
export function verifyDigest(bytes: Uint8Array, expected: string, what: string): void {
  const actual = digestLike(expected, bytes);
  if (actual !== expected) throw new BerthError("digest_mismatch", `${what} has digest ${actual}, expected ${expected}`);
}
