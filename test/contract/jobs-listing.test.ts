import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applyChange, type Stores } from "../../src/control/jobs/index.ts";
import type { Job } from "../../src/shared/domain/index.ts";
import { specOf } from "../support/control-samples.ts";
import { storeAdapters } from "./jobs-adapters.ts";

const T = 1_700_000_000_000;

async function submit(stores: Stores, changes: Parameters<typeof specOf>[0] = {}, user = "ada"): Promise<Job> {
  return (await stores.jobs.submit({ spec: specOf(changes), user, idempotencyKey: null }, T)).job;
}

/** How jobs are found again, by every adapter of the store. */
describe.each(storeAdapters())("jobs listed over $name", ({ open, close }) => {
  let stores: Stores;
  beforeAll(async () => {
    stores = await open();
  });
  afterAll(close);

  test("lists newest first, in pages, by every filter", async () => {
    const fresh = await open();
    const jobs: Job[] = [];
    for (let index = 0; index < 7; index += 1) {
      jobs.push(
        await submit(
          fresh,
          { name: index % 2 ? "odd" : "even", project: index < 4 ? "a" : "b", labels: { n: String(index) } },
          index === 0 ? "bob" : "ada",
        ),
      );
    }
    const ids = async (filter: Parameters<Stores["jobs"]["list"]>[0], limit = 100) =>
      (await fresh.jobs.list(filter, { limit, cursor: null })).items.map(({ id }) => Number(id) - Number(jobs[0]?.id));
    expect(await ids({})).toEqual([6, 5, 4, 3, 2, 1, 0]);
    expect(await ids({ name: "odd" })).toEqual([5, 3, 1]);
    expect(await ids({ project: "a", name: "even" })).toEqual([2, 0]);
    expect(await ids({ user: "bob" })).toEqual([0]);
    expect(await ids({ labels: { n: "4" } })).toEqual([4]);
    expect(await ids({ labels: { toString: "4" } })).toEqual([]);
    await applyChange(fresh.jobs, jobs[2]?.id ?? "", { type: "cancel-requested", by: "ada" }, T);
    expect(await ids({ states: ["cancelled"] })).toEqual([2]);
    expect(await ids({ states: ["pending", "cancelled"], project: "a" })).toEqual([3, 2, 1, 0]);
    const seen = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<Stores["jobs"]["list"]>> = await fresh.jobs.list({}, { limit: 3, cursor });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(jobs.map(({ id }) => id).reverse());
    await expect(fresh.jobs.list({}, { limit: 3, cursor: "0; FLUSHALL" })).rejects.toMatchObject({ code: "invalid_request" });
  });

  test("finds by id, or the newest of a name, also when the name looks like an id", async () => {
    const old = await submit(stores, { name: "lookup" });
    const young = await submit(stores, { name: "lookup" });
    const digits = await submit(stores, { name: "777777" });
    expect((await stores.jobs.find("lookup"))?.id).toBe(young.id);
    expect((await stores.jobs.find(old.id))?.id).toBe(old.id);
    expect((await stores.jobs.find("777777"))?.id).toBe(digits.id);
    expect(await stores.jobs.find("nobody")).toBeNull();
  });
});
