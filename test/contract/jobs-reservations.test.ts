import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Stores } from "../../src/control/jobs/index.ts";
import { storeAdapters } from "./jobs-adapters.ts";

const window = (name: string) => ({ name, nodes: ["a", "b"], from: 5, to: 9, projects: ["vision"] });

/** What every adapter of the reservation store promises. */
describe.each(storeAdapters())("reservations over $name", ({ open, close }) => {
  let stores: Stores;
  beforeAll(async () => {
    stores = await open();
  });
  afterAll(close);

  test("reservations are listed by name as they were made, and the second of a name changes nothing", async () => {
    expect(await stores.reservations.list()).toEqual([]);
    expect([await stores.reservations.create(window("b")), await stores.reservations.create(window("a"))]).toEqual([true, true]);
    expect(await stores.reservations.create({ ...window("a"), to: 99 })).toBe(false);
    expect(await stores.reservations.list()).toEqual([window("a"), window("b")]);
  });

  test("one that is removed is gone, once", async () => {
    await stores.reservations.create(window("c"));
    expect([await stores.reservations.remove("c"), await stores.reservations.remove("c")]).toEqual([true, false]);
    expect((await stores.reservations.list()).map(({ name }) => name)).not.toContain("c");
  });
});
