import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** 256 bits from the kernel: long enough that its plain SHA-256 needs no salt or stretching. */
export function randomSecret(prefix: string): string {
  return `${prefix}${randomBytes(32).toString("base64url")}`;
}

/** 64 hex digits. Secrets are stored and looked up by it: a copy of the database lets nobody in. */
export function sha256Hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Compares digests, in constant time, so neither content nor length of the stored one shows. */
export function matchesDigest(secret: string, digest: string): boolean {
  const [left, right] = [Buffer.from(sha256Hex(secret), "hex"), Buffer.from(digest, "hex")];
  return left.length === right.length && timingSafeEqual(left, right);
}
