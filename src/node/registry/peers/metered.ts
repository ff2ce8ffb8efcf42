import { pipeline, type Readable, Transform } from "node:stream";
import { BerthError } from "../../../shared/domain/index.ts";

export interface MeterOptions {
  /** Milliseconds of the window, and the least bytes that must come in each. Null watches nothing. */
  pace: { windowMs: number; minimumBytes(): number } | null;
  onBytes(bytes: number): void;
  /** Called once: how it ended, and why it was given up where it was. */
  onEnd(end: { bytes: number; elapsedMs: number; slow: boolean; error: Error | null }): void;
}

/** The same bytes, counted. A body that falls below its pace is destroyed with an error. */
export function metered(body: Readable, { pace, onBytes, onEnd }: MeterOptions): Readable {
  const began = performance.now();
  let [bytes, inWindow, slow] = [0, 0, false];
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.byteLength;
      inWindow += chunk.byteLength;
      onBytes(chunk.byteLength);
      done(null, chunk);
    },
  });
  const watch = pace === null ? null : setInterval(look, pace.windowMs);
  function look(): void {
    // A reader that is busy is not the sender's fault.
    if (inWindow < (pace?.minimumBytes() ?? 0) && meter.readableLength === 0) {
      slow = true;
      meter.destroy(new BerthError("registry_unavailable", `the peer sent ${inWindow} bytes in ${pace?.windowMs} ms`));
    }
    inWindow = 0;
  }
  pipeline(body, meter, (error) => {
    if (watch !== null) clearInterval(watch);
    onEnd({ bytes, elapsedMs: performance.now() - began, slow, error: error ?? null });
  });
  return meter;
}
