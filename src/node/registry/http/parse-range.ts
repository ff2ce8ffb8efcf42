import { RegistryError } from "../registry-error.ts";

/** Both ends are part of it. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * The part of `size` bytes that a Range header asks for (RFC 9110, 14.1.2); null for the whole. Several ranges at once
 * are answered with the whole, as the RFC allows.
 * @throws RegistryError RANGE_INVALID (416)
 */
export function parseRange(header: string | undefined, size: number): ByteRange | null {
  if (header === undefined) return null;
  if (header.length > 200) throw unsatisfiable(size);
  if (/^bytes *=.*,/.test(header)) return null;
  const [, first = "", last = ""] = /^bytes *= *(\d{0,15})-(\d{0,15})$/.exec(header.trim()) ?? [];
  if (first === "" && last === "") throw unsatisfiable(size);
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (start > end || start >= size) throw unsatisfiable(size);
  return { start, end };
}

/**
 * The Content-Range of a chunk: "0-1023" as the spec has it, or "bytes 0-1023/*" as other clients write it; null without.
 * @throws RegistryError RANGE_INVALID (416)
 */
export function parseContentRange(header: string | undefined): ByteRange | null {
  if (header === undefined) return null;
  const [, first, last] = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/.exec(header.trim()) ?? [];
  const range = { start: Number(first), end: Number(last) };
  if (first === undefined || range.end < range.start) {
    throw new RegistryError("RANGE_INVALID", `Content-Range ${JSON.stringify(header.slice(0, 60))} is not START-END`);
  }
  return range;
}

function unsatisfiable(size: number): RegistryError {
  return new RegistryError("RANGE_INVALID", `the range is not in the ${size} bytes there are`, {
    headers: { "content-range": `bytes */${size}` },
  });
}
