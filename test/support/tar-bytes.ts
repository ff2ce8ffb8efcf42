import { Readable } from "node:stream";

/** A tar header and body written byte by byte, so that a test can lie in any field. */
export interface RawEntry {
  name: string | Buffer;
  /** Type flag; default "0", a file. */
  type?: string;
  body?: string | Buffer;
  linkName?: string;
  mode?: string;
  uid?: string;
  gid?: string;
  /** Raw field; default: the body's length in octal. */
  size?: string | Buffer;
  mtime?: string;
  /** Wrong on purpose when given. */
  checksum?: string;
  magic?: string;
}

export function rawEntry(entry: RawEntry): Buffer {
  const body = Buffer.from(entry.body ?? "");
  const header = Buffer.alloc(512);
  const put = (value: string | Buffer, offset: number, length: number) => Buffer.from(value as string).copy(header, offset, 0, length);
  put(entry.name, 0, 100);
  put(entry.mode ?? "0000644", 100, 8);
  put(entry.uid ?? "0000000", 108, 8);
  put(entry.gid ?? "0000000", 116, 8);
  put(entry.size ?? body.byteLength.toString(8).padStart(11, "0"), 124, 12);
  put(entry.mtime ?? "00000000000", 136, 12);
  put(entry.type ?? "0", 156, 1);
  put(entry.linkName ?? "", 157, 100);
  put(entry.magic ?? "ustar\x0000", 257, 8);
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(entry.checksum ?? `${sum.toString(8).padStart(6, "0")}\0 `, 148, 8);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.byteLength % 512)) % 512)]);
}

/** A PAX extended header for the entry that follows. */
export function paxEntry(records: Record<string, string | Buffer>, type: "x" | "g" = "x"): Buffer {
  const body = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from("\n")]);
    let length = rest.byteLength + 1;
    while (length !== rest.byteLength + String(length).length) length = rest.byteLength + String(length).length;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  });
  return rawEntry({ name: "PaxHeader", type, body: Buffer.concat(body) });
}

export const END_OF_TAR: Buffer = Buffer.alloc(1024);

/** The archive as a stream of small chunks, so that fields lie across chunk borders. */
export function tarStream(...parts: Buffer[]): Readable {
  const whole = Buffer.concat([...parts, END_OF_TAR]);
  return bytesStream(whole, 700);
}

export function bytesStream(whole: Buffer, chunk = 65_536): Readable {
  const chunks = function* () {
    for (let at = 0; at < whole.byteLength; at += chunk) yield whole.subarray(at, at + chunk);
  };
  return Readable.from(chunks(), { objectMode: false });
}
