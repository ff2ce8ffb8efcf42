import { BerthError } from "../../../shared/domain/index.ts";
import { decodeName } from "./read-header.ts";

/** PAX records of one entry (POSIX.1-2001): keys are text, values bytes. */
export type PaxRecords = Map<string, Buffer>;

const SPACE = 0x20;
const NEWLINE = 0x0a;
const EQUALS = 0x3d;
const LONGEST_LENGTH_FIELD = 10;
const NS_PER_SECOND = 1_000_000_000n;

/**
 * Reads "<length> <key>=<value>\n" records. Values stay bytes: an extended attribute may hold anything.
 * @throws BerthError layer_invalid
 */
export function readPax(bytes: Buffer): PaxRecords {
  const records: PaxRecords = new Map();
  for (let at = 0; at < bytes.byteLength; ) {
    const space = bytes.indexOf(SPACE, at);
    const digits = bytes.toString("latin1", at, Math.min(space, at + LONGEST_LENGTH_FIELD + 1));
    const end = at + (space > at && /^[1-9][0-9]{0,9}$/.test(digits) ? Number(digits) : Number.NaN);
    const equals = bytes.indexOf(EQUALS, space);
    const whole = end <= bytes.byteLength && end > space + 2 && bytes[end - 1] === NEWLINE && equals > space + 1 && equals < end;
    if (!whole) throw new BerthError("layer_invalid", `a PAX record at byte ${at} is malformed`);
    records.set(decodeName(bytes.subarray(space + 1, equals)), bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** The bytes of PAX records, in the map's order. */
export function writePax(records: PaxRecords): Buffer {
  return Buffer.concat([...records].map(([key, value]) => paxRecord(key, value)));
}

function paxRecord(key: string, value: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  // The length counts its own digits: adding them may make one more.
  let length = body.byteLength + 1;
  while (String(length).length + body.byteLength !== length) length = String(length).length + body.byteLength;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

/** A non-negative decimal integer. @throws BerthError layer_invalid */
export function paxInteger(value: Buffer, key: string): number {
  const digits = value.toString("latin1");
  const number = /^[0-9]{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!Number.isSafeInteger(number))
    throw new BerthError("layer_invalid", `the PAX ${key} ${JSON.stringify(digits.slice(0, 40))} is not a number`);
  return number;
}

/** "1700000000.25" -> 1700000000250000000n; digits below a nanosecond are cut. @throws BerthError layer_invalid */
export function paxTime(value: Buffer): bigint {
  const text = value.toString("latin1");
  const match = /^(-?)([0-9]{1,12})(?:\.([0-9]{0,40}))?$/.exec(text);
  if (match === null) throw new BerthError("layer_invalid", `the PAX mtime ${JSON.stringify(text.slice(0, 40))} is not a time`);
  const fraction = BigInt((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  const magnitude = BigInt(match[2] ?? "0") * NS_PER_SECOND + fraction;
  return match[1] === "-" ? -magnitude : magnitude;
}

/** The shortest PAX form of a time in nanoseconds. */
export function formatPaxTime(ns: bigint): string {
  const magnitude = ns < 0n ? -ns : ns;
  const fraction = String(magnitude % NS_PER_SECOND)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${ns < 0n ? "-" : ""}${magnitude / NS_PER_SECOND}${fraction === "" ? "" : `.${fraction}`}`;
}
