/** Only sha256 names what is kept here: one algorithm means one name for one content, and no name can hold a path. */
const DIGEST = /^sha256:[a-f0-9]{64}$/;
/** What registries may name content by (image-spec descriptor.md, "Registered algorithms"). */
const ANY_DIGEST = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

/** True for "sha256:" and 64 lower-case hex digits. */
export function isDigest(text: string): boolean {
  return text.length === 71 && DIGEST.test(text);
}

/** The same, or "sha512:" and 128 digits: content that is only handed on. */
export function isAnyDigest(text: string): boolean {
  return text.length <= 135 && ANY_DIGEST.test(text);
}
