import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { applyChange, applyEvent, createLiveQueue, type JobStore } from "../../src/control/jobs/index.ts";
import { BerthError, type Job } from "../../src/shared/domain/index.ts";
import { specOf } from "../support/control-samples.ts";
import { storeAdapters } from "./jobs-adapters.ts";

const T = 1_700_000_000_000;

async function submit(jobs: JobStore, priority = 0): Promise<Job> {
  return (await jobs.submit({ spec: specOf({ priority }), user: "ada", idempotencyKey: null }, T)).job;
}

function placing(previous: Job, gpu: string) {
  const assignments = [{ rank: 0, nodeId: "n1", nodeAddress: "10.0.0.1", gpuUuids: [gpu] }];
  return { previous, transition: applyEvent(previous, { type: "placed", assignments }, T) };
}

function codesOf(results: readonly (Job | BerthError)[]): string[] {
  return results.map((result) => (result instanceof BerthError ? result.code : result.state));
}

type Step = { type: "submit"; priority: number } | { type: "place" | "cancel" | "explain" | "elsewhere" | "lose-log"; pick: number };

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ type: fc.constant("submit" as const), priority: fc.integer({ min: 0, max: 2 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom("place" as const, "cancel" as const, "explain" as const, "elsewhere" as const, "lose-log" as const),
      pick: fc.nat(100),
    }),
  },
);

describe.each(storeAdapters())("changes over $name", ({ open, close }) => {
  afterAll(close);

  test("of a plan's placements, the row that has changed is refused and the others are written", async () => {
    const { jobs } = await open();
    const rows = [await submit(jobs), await submit(jobs), await submit(jobs)];
    const { revision } = await jobs.queue(10);
    await applyChange(jobs, rows[1]?.id ?? "", { type: "cancel-requested", by: "ada" }, T);
    const changes = rows.map((row, place) => placing(row, `GPU-${place}`));
    expect(codesOf(await jobs.commitAll(changes, T, revision))).toEqual(["starting", "conflict", "starting"]);
    expect((await jobs.queue(10)).revision).toBe(revision + 2);
  });

  test("a plan's placements are all refused when another has placed since, or leads now", async () => {
    const { jobs, leader } = await open();
    const rows = [await submit(jobs), await submit(jobs), await submit(jobs)] as const;
    const { revision } = await jobs.queue(10);
    await jobs.commitAll([placing(rows[0], "GPU-0")], T, revision);
    const rest = [placing(rows[1], "GPU-1"), placing(rows[2], "GPU-2")];
    expect(codesOf(await jobs.commitAll(rest, T, revision))).toEqual(["conflict", "conflict"]);
    const fence = (await leader.acquire("other", 60_000)) ?? 0;
    expect(codesOf(await jobs.commitAll(rest, T, revision + 1, fence - 1))).toEqual(["conflict", "conflict"]);
    expect(codesOf(await jobs.commitAll(rest, T, revision + 1, fence))).toEqual(["starting", "starting"]);
  });

  test("a GPU that two placements of one call claim is given to the first", async () => {
    const { jobs } = await open();
    const rows = [await submit(jobs), await submit(jobs)];
    expect(
      codesOf(
        await jobs.commitAll(
          rows.map((row) => placing(row, "GPU-0")),
          T,
        ),
      ),
    ).toEqual(["starting", "conflict"]);
  });

  test("hundreds of jobs submitted at once get an id each, and as many placements are committed", async () => {
    const { jobs } = await open();
    const rows = await Promise.all(Array.from({ length: 300 }, () => submit(jobs)));
    expect(new Set(rows.map(({ id }) => id)).size).toBe(300);
    const { revision } = await jobs.queue(1);
    const results = await jobs.commitAll(
      rows.map((row, place) => placing(row, `GPU-${place}`)),
      T,
      revision,
    );
    expect(new Set(codesOf(results))).toEqual(new Set(["starting"]));
  });

  test("what the live queue holds is what the store holds, whatever happened, and though the change log was lost", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { minLength: 1, maxLength: 15 }), async (steps) => {
        const { jobs, ...stores } = await open();
        const live = createLiveQueue(jobs, { monotonic: () => 0 });
        for (const [place, step] of steps.entries()) {
          const view = await live.look();
          const stored = await jobs.queue(1000);
          expect({ revision: view.revision, pending: view.pending }).toEqual({ revision: stored.revision, pending: stored.pending });
          expect(new Map(view.active.map((job) => [job.id, job]))).toEqual(new Map(stored.active.map((job) => [job.id, job])));
          if (step.type === "submit") await submit(jobs, step.priority);
          else if (step.type === "lose-log") {
            if ("redis" in stores) await (stores.redis as { del(key: string): Promise<number> }).del("{berth}:changes");
          } else await change(step, [...view.pending, ...view.active], place, jobs, live.wrote);
        }
      }),
      { numRuns: 40 },
    );
  });
});

async function change(step: Step & { pick: number }, rows: Job[], place: number, jobs: JobStore, wrote: (job: Job) => void): Promise<void> {
  const job = rows[step.pick % Math.max(1, rows.length)];
  if (job === undefined) return;
  if (step.type === "cancel") await applyChange(jobs, job.id, { type: "cancel-requested", by: "ada" }, T);
  else if (job.state !== "pending") return;
  else if (step.type === "elsewhere") await jobs.commitAll([placing(job, `GPU-${place}`)], T);
  else {
    const changed =
      step.type === "place"
        ? placing(job, `GPU-${place}`)
        : { previous: job, transition: applyEvent(job, { type: "pending-reason", reason: `reason ${place}` }, T) };
    for (const result of await jobs.commitAll([changed], T)) if (!(result instanceof BerthError)) wrote(result);
  }
}
