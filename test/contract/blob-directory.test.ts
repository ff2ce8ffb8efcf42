import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Stores } from "../../src/control/jobs/index.ts";
import { storeAdapters } from "./jobs-adapters.ts";

const peer = (name: string) => ({ nodeId: name, address: `10.0.0.${name.charCodeAt(0)}:8471` });
const [a, b, c] = [peer("a"), peer("b"), peer("c")];
let digests = 0;
function digest(): string {
  digests += 1;
  return `sha256:${String(digests).padStart(64, "0")}`;
}

describe.each(storeAdapters())("the blob directory over $name", ({ open, close }) => {
  let stores: Stores;
  beforeAll(async () => {
    stores = await open();
  });
  afterAll(close);

  test("of those that ask at once for what nobody has, one goes to the registry and the others to it", async () => {
    const [wanted, now] = [digest(), Date.now()];
    const claims = await Promise.all([a, b, c].map((one) => stores.blobs.claim(wanted, one, false, now)));
    expect(claims.filter(({ origin }) => origin)).toHaveLength(1);
    const [first] = claims;
    expect(first).toEqual({ origin: true, holders: [], fetcher: null });
    expect(claims.slice(1)).toEqual([
      { origin: false, holders: [], fetcher: a },
      { origin: false, holders: [], fetcher: a },
    ]);
    expect((await stores.blobs.claim(wanted, a, true, now)).origin).toBe(true);
  });

  test("what one holds the others are sent to, and it is not named to itself", async () => {
    const [wanted, now] = [digest(), Date.now()];
    await stores.blobs.claim(wanted, a, false, now);
    await stores.blobs.hold(a, [wanted, digest()], now);
    expect(await stores.blobs.claim(wanted, b, false, now)).toEqual({ origin: false, holders: [a], fetcher: null });
    expect(await stores.blobs.claim(wanted, a, false, now)).toEqual({ origin: true, holders: [], fetcher: null });
    expect(await stores.blobs.claim(wanted, b, true, now)).toMatchObject({ origin: false, fetcher: a });
  });

  test("holders that could not give it leave the registry to one", async () => {
    const [wanted, now] = [digest(), Date.now()];
    await stores.blobs.hold(a, [wanted], now);
    expect(await stores.blobs.claim(wanted, b, true, now)).toMatchObject({ origin: true });
    expect(await stores.blobs.claim(wanted, c, true, now)).toMatchObject({ origin: false, fetcher: b });
    await stores.blobs.drop(a, wanted);
    await stores.blobs.drop(b, wanted);
    expect(await stores.blobs.claim(wanted, c, false, now)).toEqual({ origin: true, holders: [], fetcher: null });
  });

  test("a word is forgotten after an hour, and so many holders are named at most", async () => {
    const [wanted, now] = [digest(), Date.now()];
    for (let index = 0; index < 80; index += 1) await stores.blobs.hold(peer(`n${index}`), [wanted], now);
    expect((await stores.blobs.claim(wanted, a, false, now)).holders).toHaveLength(64);
    expect((await stores.blobs.claim(wanted, a, false, now + 3_600_001)).holders).toEqual([]);
  });
});
