import { expect, test } from "vitest";
import { createMemoryStores, createScheduleLoop, type ProjectSettings } from "../../../src/control/jobs/index.ts";
import { type ClusterSnapshot, decide } from "../../../src/control/scheduler/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";

const settings = (name: string): ProjectSettings => ({
  ...{ name, weight: 1, parent: null, quotaGpus: 0 },
  limits: { gpus: null, jobs: null, gpusPerUser: null, jobsPerUser: null },
});

test("a project that was removed, and hardly used anything, no longer has a part of what the others are entitled to", async () => {
  const stores = createMemoryStores();
  const seen: ClusterSnapshot[] = [];
  const watching = (snapshot: ClusterSnapshot, now: number) => {
    seen.push(snapshot);
    return decide(snapshot, now);
  };
  const { jobs: store, nodes, projects } = stores;
  const loop = createScheduleLoop({
    store,
    nodes,
    projects,
    decide: watching,
    queues: { nudgeNode: async () => {} },
    clock: systemClock(),
  });
  for (const name of ["vision", "nlp", "typo"]) await projects.put(settings(name));
  await projects.saveUsages(new Map([["long-ago", { value: 3, at: Date.now() }]]));
  await loop.pass();
  await projects.remove("typo");
  await loop.pass();
  const names = () => seen.at(-1)?.projects?.map(({ name }) => name);
  expect(names()).toEqual(["nlp", "vision", "long-ago"]);
  expect([...(await projects.usages()).keys()]).not.toContain("typo");
});
