import { expect, test } from "vitest";
import { createSharedFlush } from "../../../src/node/images/unpack/shared-flush.ts";

function controlled() {
  const begun: { end(): void; fail(error: Error): void }[] = [];
  const flush = createSharedFlush(() => new Promise<void>((end, fail) => begun.push({ end, fail })));
  return { begun, flush };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("who asks while a flush runs is not served by it, and all of them share the next", async () => {
  const { begun, flush } = controlled();
  const served: string[] = [];
  const ask = (name: string) => flush().then(() => served.push(name));
  const asked = [ask("a")];
  await turn();
  asked.push(ask("b"), ask("c"));
  await turn();
  expect(begun).toHaveLength(1);
  begun[0]?.end();
  await turn();
  expect(served).toEqual(["a"]);
  expect(begun).toHaveLength(2);
  begun[1]?.end();
  await Promise.all(asked);
  expect(served).toEqual(["a", "b", "c"]);
});

test("a flush that fails fails those it was for, and no other", async () => {
  const { begun, flush } = controlled();
  const first = flush();
  await turn();
  const second = flush();
  begun[0]?.fail(new Error("no space"));
  await expect(first).rejects.toThrow("no space");
  await turn();
  begun[1]?.end();
  await second;
});
