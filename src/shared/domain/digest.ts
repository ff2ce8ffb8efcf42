/** What content may be named by (image-spec descriptor.md, "Registered algorithms"). */
export const DIGEST_ALGORITHMS = ["sha256", "sha512"] as const;
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

/** For schemas. No digest of this form can hold a path, and the length of its hex tells the algorithm. */
export const DIGEST_PATTERN = "^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$";
const DIGEST = new RegExp(DIGEST_PATTERN);
/** The longest digest, in characters. */
export const MAX_DIGEST_LENGTH = 135;

/** True for "sha256:" and 64 lower-case hex digits, or "sha512:" and 128. */
export function isDigest(text: string): boolean {
  return text.length <= MAX_DIGEST_LENGTH && DIGEST.test(text);
}

/** Of a checked digest. */
export function algorithmOf(digest: string): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}
