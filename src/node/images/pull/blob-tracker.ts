import type { PartialState } from "../content/partial-blobs.ts";

/** A half-open range of bytes. */
interface Span {
  from: number;
  to: number;
}

/** How much of a blob is in its file, segment by segment, and who waits for more. */
export interface BlobTracker {
  readonly size: number;
  /** The lowest segment that nobody has or fetches; null when none is left. */
  claim(): number | null;
  /** What is missing of a segment. */
  missing(segment: number): Span;
  /** Every segment that nobody has or fetches, for a server that sends only the whole. */
  claimRest(): void;
  /** The segment that holds a position. */
  segmentAt(position: number): number;
  /** `count` more bytes of the segment are in the file. */
  wrote(segment: number, count: number): void;
  /** Nothing more will come: readers fail with it. */
  fail(error: unknown): void;
  /** How far the file is complete from its start. */
  readonly contiguous: number;
  /** Bytes in the file. */
  readonly received: number;
  /** Resolves when more than `position` bytes are complete from the start. @throws what `fail` was given */
  beyond(position: number): Promise<void>;
  state(): PartialState;
}

const SMALLEST_SEGMENT = 8 * 1024 * 1024;
const MOST_SEGMENTS = 128;

/** Goes on from a state that fits the size; from nothing otherwise. */
export function createBlobTracker(size: number, state: PartialState | null): BlobTracker {
  const known = state !== null && state.size === size ? state : null;
  const segmentBytes = known?.segmentBytes ?? Math.max(SMALLEST_SEGMENT, Math.ceil(size / MOST_SEGMENTS));
  const count = Math.ceil(size / segmentBytes);
  const lengthOf = (segment: number) => Math.min(segmentBytes, size - segment * segmentBytes);
  const done = new Set(known?.done);
  const written = Array.from({ length: count }, (_, segment) => (done.has(segment) ? lengthOf(segment) : 0));
  const claimed = written.map((bytes, segment) => bytes === lengthOf(segment));
  const waiters = new Set<() => void>();
  let failure: { error: unknown } | null = null;
  let low = 0;
  let received = written.reduce((sum, bytes) => sum + bytes, 0);
  const contiguous = () => {
    while (low < count && written[low] === lengthOf(low)) low++;
    return low === count ? size : low * segmentBytes + (written[low] ?? 0);
  };
  const wake = () => {
    for (const waiter of waiters) waiter();
    waiters.clear();
  };
  return {
    size,
    claim() {
      const segment = claimed.indexOf(false);
      if (segment < 0) return null;
      claimed[segment] = true;
      return segment;
    },
    missing: (segment) => ({ from: segment * segmentBytes + (written[segment] ?? 0), to: segment * segmentBytes + lengthOf(segment) }),
    claimRest: () => void claimed.fill(true),
    segmentAt: (position) => Math.floor(position / segmentBytes),
    wrote(segment, bytes) {
      written[segment] = (written[segment] ?? 0) + bytes;
      received += bytes;
      wake();
    },
    fail(error) {
      failure ??= { error };
      wake();
    },
    get contiguous() {
      return contiguous();
    },
    get received() {
      return received;
    },
    async beyond(position) {
      while (contiguous() <= position) {
        if (failure !== null) throw failure.error;
        await new Promise<void>((resolve) => waiters.add(resolve));
      }
    },
    state: () => ({
      size,
      segmentBytes,
      done: written.flatMap((bytes, segment) => (bytes === lengthOf(segment) ? [segment] : [])),
    }),
  };
}
