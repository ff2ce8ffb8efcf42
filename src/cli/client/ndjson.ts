import type { Readable } from "node:stream";
import { BerthError } from "../../shared/domain/index.ts";

const LONGEST_LINE_BYTES = 16 * 1024 * 1024;

/**
 * The values of a newline-delimited JSON stream. A last line without its newline is not given: it may be cut.
 * @throws BerthError internal for a line that is not JSON or has no end
 */
export async function* readNdjson<T>(stream: Readable): AsyncGenerator<T> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = buffer.indexOf(10); end >= 0; end = buffer.indexOf(10)) {
      const line = buffer.subarray(0, end).toString("utf8").trim();
      buffer = buffer.subarray(end + 1);
      if (line !== "") yield parseLine<T>(line);
    }
    if (buffer.length > LONGEST_LINE_BYTES) throw new BerthError("internal", `a line of more than ${LONGEST_LINE_BYTES} bytes`);
    rest = buffer;
  }
}

function parseLine<T>(line: string): T {
  try {
    return JSON.parse(line) as T;
  } catch (cause) {
    throw new BerthError("internal", `not a line of JSON: ${JSON.stringify(line.slice(0, 80))}`, { cause });
  }
}
