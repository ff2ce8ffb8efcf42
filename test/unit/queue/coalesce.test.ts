import { expect, test } from "vitest";
import { coalesce } from "../../../src/control/queue/coalesce.ts";

test("hints that come while one is being sent go together in the next, and none is swallowed", async () => {
  const sent: string[][] = [];
  let release = () => {};
  const hint = coalesce(async (hints) => {
    sent.push(hints);
    await new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  const done = [hint("a")];
  await Promise.resolve();
  await Promise.resolve();
  done.push(hint("b"), hint("a"), hint("b"));
  release();
  await new Promise(setImmediate);
  release();
  await Promise.all(done);
  expect(sent).toEqual([["a"], ["b", "a"]]);
  const later = hint("c");
  await new Promise(setImmediate);
  release();
  await later;
  expect(sent.at(-1)).toEqual(["c"]);
});
