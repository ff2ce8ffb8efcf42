import { expect, onTestFinished, test, vi } from "vitest";
import { hostilePulls } from "../../support/hostile-pulls.ts";
import { randomLayer } from "../../support/hostile-registry.ts";

const MIB = 1024 * 1024;
/** What Node reads from a socket at once. */
const PIECE_BYTES = 64 * 1024;
const pulls = hostilePulls();

test("what the network brings is not joined, and given back as soon as it is on disk", async () => {
  const layer = await randomLayer(40 * MIB);
  pulls.registry.addImage("1", [layer]);
  const { native } = pulls.store;
  const free = native.freeBuffer;
  const freed: number[] = [];
  const spy = vi.spyOn(native, "freeBuffer").mockImplementation((bytes) => {
    const size = bytes.byteLength;
    const whole = free(bytes);
    if (whole) freed.push(size);
    return whole;
  });
  onTestFinished(() => spy.mockRestore());
  await pulls.pull();
  const total = (sizes: number[]) => sizes.reduce((sum, size) => sum + size, 0);
  // Larger ones are the fixed buffers that hashing and unpacking go through. The first piece of an answer shares its memory with
  // the headers, and is left to the garbage collector.
  expect(total(freed.filter((size) => size < 4 * PIECE_BYTES))).toBeGreaterThan(0.9 * layer.byteLength);
  // A socket joins two reads at times, the first of which was a short one.
  expect(total(freed.filter((size) => size > PIECE_BYTES && size < 4 * PIECE_BYTES))).toBeLessThan(0.5 * layer.byteLength);
  expect(freed.filter((size) => size >= 4 * PIECE_BYTES)).not.toEqual([]);
});
