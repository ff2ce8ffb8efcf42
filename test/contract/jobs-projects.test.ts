import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProjectSettings, Stores } from "../../src/control/jobs/index.ts";
import { storeAdapters } from "./jobs-adapters.ts";

const settings = (name: string, more: Partial<ProjectSettings> = {}): ProjectSettings => ({
  name,
  weight: 1,
  parent: null,
  quotaGpus: 0,
  limits: { gpus: null, jobs: null, gpusPerUser: null, jobsPerUser: null },
  ...more,
});

/** What every adapter of the project store promises. */
describe.each(storeAdapters())("projects over $name", ({ open, close }) => {
  let stores: Stores;
  beforeAll(async () => {
    stores = await open();
  });
  afterAll(close);

  test("projects are listed by name as they were last set, until they are removed", async () => {
    await stores.projects.put(settings("b", { weight: 0.1 + 0.2, parent: "a" }));
    await stores.projects.put(settings("a"));
    await stores.projects.put(settings("a", { quotaGpus: 4, limits: { gpus: 8, jobs: null, gpusPerUser: 2, jobsPerUser: null } }));
    const listed = await stores.projects.list();
    expect(listed.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(listed[0]).toEqual(settings("a", { quotaGpus: 4, limits: { gpus: 8, jobs: null, gpusPerUser: 2, jobsPerUser: null } }));
    expect(listed[1]?.weight).toBe(0.1 + 0.2);
    expect([await stores.projects.remove("b"), await stores.projects.remove("b")]).toEqual([true, false]);
  });

  test("usages are kept exactly, each by itself", async () => {
    await stores.projects.saveUsages(new Map());
    await stores.projects.saveUsages(new Map([["a", { value: 1 / 3, at: 5 }]]));
    await stores.projects.saveUsages(new Map([["b", { value: 2, at: 6 }]]));
    expect(await stores.projects.usages()).toEqual(
      new Map([
        ["a", { value: 1 / 3, at: 5 }],
        ["b", { value: 2, at: 6 }],
      ]),
    );
    await stores.projects.forgetUsages(["a", "nobody"]);
    await stores.projects.forgetUsages([]);
    expect([...(await stores.projects.usages()).keys()]).toEqual(["b"]);
  });
});
