import { timingSafeEqual } from "node:crypto";

/**
 * Opens a NaCl secretbox (XSalsa20-Poly1305, as in cosign's key files): `box` is a tag of 16 bytes and the ciphertext, `key`
 * has 32 bytes, `nonce` 24. Null when the tag is wrong: another key, or changed bytes. OpenSSL has no Salsa20.
 */
export function openSecretbox(box: Uint8Array, nonce: Uint8Array, key: Uint8Array): Buffer | null {
  if (key.length !== 32 || nonce.length !== 24 || box.length < 16) return null;
  const ciphertext = box.subarray(16);
  const stream = xsalsa20(ciphertext.length + 32, nonce, key);
  const tag = poly1305(ciphertext, stream.subarray(0, 32));
  if (!timingSafeEqual(tag, box.subarray(0, 16))) return null;
  return Buffer.from(ciphertext.map((byte, index) => byte ^ (stream[index + 32] as number)));
}

/** "expand 32-byte k", the constant of Salsa20's diagonal. */
const SIGMA = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;
/** Salsa20 specification, section 4: the quarter-rounds of a column round and a row round. */
const QUARTERS = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
] as const;

function xsalsa20(length: number, nonce: Uint8Array, key: Uint8Array): Uint8Array {
  const input = words(nonce.subarray(0, 16));
  const mixed = rounds(matrix(words(key), input));
  // HSalsa20: the diagonal and the input's places, without the final addition.
  const subkey = [0, 5, 10, 15, 6, 7, 8, 9].map((place) => mixed[place] as number);
  const [low = 0, high = 0] = words(nonce.subarray(16));
  const out = new Uint8Array(Math.ceil(length / 64) * 64);
  for (let block = 0; block * 64 < length; block++) {
    const start = matrix(subkey, [low, high, block, 0]);
    const end = rounds(start);
    const view = new DataView(out.buffer, block * 64, 64);
    for (let i = 0; i < 16; i++) view.setUint32(i * 4, ((start[i] as number) + (end[i] as number)) >>> 0, true);
  }
  return out.subarray(0, length);
}

function matrix(key: readonly number[], input: readonly number[]): number[] {
  const [a, b, c, d] = SIGMA;
  return [a, ...key.slice(0, 4), b, ...input, c, ...key.slice(4, 8), d];
}

function rounds(start: readonly number[]): number[] {
  const x = [...start];
  for (let round = 0; round < 10; round++) {
    for (const [a, b, c, d] of QUARTERS) {
      x[b] = at(x, b) ^ rotate(at(x, a) + at(x, d), 7);
      x[c] = at(x, c) ^ rotate(at(x, b) + at(x, a), 9);
      x[d] = at(x, d) ^ rotate(at(x, c) + at(x, b), 13);
      x[a] = at(x, a) ^ rotate(at(x, d) + at(x, c), 18);
    }
  }
  return x;
}

const at = (x: readonly number[], place: number): number => x[place] as number;
const rotate = (value: number, bits: number): number => (value << bits) | ((value >>> 0) >>> (32 - bits));

function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / 4 }, (_, index) => view.getUint32(index * 4, true));
}

/** RFC 8439, section 2.5. */
function poly1305(message: Uint8Array, key: Uint8Array): Buffer {
  const prime = (1n << 130n) - 5n;
  const r = littleEndian(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let from = 0; from < message.length; from += 16) {
    const block = message.subarray(from, from + 16);
    sum = ((sum + littleEndian(block) + (1n << BigInt(8 * block.length))) * r) % prime;
  }
  const tag = (sum + littleEndian(key.subarray(16, 32))) & ((1n << 128n) - 1n);
  return Buffer.from(tag.toString(16).padStart(32, "0"), "hex").reverse();
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}
