/** Field number and value: text, a number or boolean, or a message of its own. A repeated field is given more than once. */
export type Field = readonly [field: number, value: string | number | boolean | readonly Field[]];

/** As much of https://protobuf.dev/programming-guides/encoding as the calls of the tests need. */
export function encode(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map(encodeField));
}

function encodeField([field, value]: Field): Buffer {
  if (typeof value === "number" || typeof value === "boolean") return Buffer.concat([varint(field << 3), varint(Number(value))]);
  const body = typeof value === "string" ? Buffer.from(value) : encode(value);
  return Buffer.concat([varint((field << 3) | 2), varint(body.byteLength), body]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

/** The last value of each field: a number, or the bytes of text or of a message. */
export function decode(bytes: Buffer): Map<number, number | Buffer> {
  const found = new Map<number, number | Buffer>();
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes.readUInt8(at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.byteLength) {
    const tag = next();
    if ((tag & 7) === 0) found.set(tag >> 3, next());
    else if ((tag & 7) === 2) {
      const length = next();
      found.set(tag >> 3, bytes.subarray(at, at + length));
      at += length;
    } else throw new Error(`wire type ${tag & 7} of field ${tag >> 3}`);
  }
  return found;
}
