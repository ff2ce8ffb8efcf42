import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ActiveJob,
  accrue,
  type ClusterSnapshot,
  createServiceHistory,
  decide,
  type PendingJob,
} from "../../../src/control/scheduler/index.ts";
import { runs } from "../../support/property-runs.ts";
import { activeOf, HOUR, NOW, nodeOf, pendingOf } from "./queue-samples.ts";

const MINUTE = 60_000;
const placed = (snapshot: ClusterSnapshot) => decide(snapshot, NOW).placements.map(({ jobId }) => jobId);

describe("backfill around a reservation", () => {
  const nodes = [nodeOf("a", 8)];
  const active = [activeOf("1", "a", [0, 1, 2, 3], { endsAt: NOW + HOUR })];
  const head = pendingOf("8", 8, { queuedAt: NOW - 5000 });

  test("a job that ends before the reservation begins runs in the gap", () => {
    expect(placed({ nodes, active, pending: [head, pendingOf("9", 2, { timeLimitMs: HOUR })] })).toEqual(["9"]);
  });

  test("a job that might outlast it, or tells no limit, does not", () => {
    expect(placed({ nodes, active, pending: [head, pendingOf("9", 2, { timeLimitMs: HOUR + 1 })] })).toEqual([]);
    expect(placed({ nodes, active, pending: [head, pendingOf("9", 2)] })).toEqual([]);
  });

  test("nodes that the reservation does not need stay open to all", () => {
    expect(placed({ nodes: [...nodes, nodeOf("b", 4)], active, pending: [head, pendingOf("9", 2)] })).toEqual(["9"]);
  });

  test("without limits nothing is reserved until the job has waited ten minutes", () => {
    const endless = [activeOf("1", "a", [0, 1, 2, 3])];
    const pending = (waited: number) => [{ ...head, queuedAt: NOW - waited }, pendingOf("9", 2)];
    expect(placed({ nodes, active: endless, pending: pending(9 * MINUTE) })).toEqual(["9"]);
    expect(placed({ nodes, active: endless, pending: pending(10 * MINUTE) })).toEqual([]);
  });

  test("an old backlog behind the jobs that have reservations keeps no node from jobs that fit", () => {
    const many = Array.from({ length: 20 }, (_, index) => nodeOf(`n${index}`, 8));
    const running = many.map(({ id }, index) => activeOf(`${index + 1}`, id, [0, 1, 2, 3, 4, 5, 6], { endsAt: NOW + HOUR }));
    const backlog = Array.from({ length: 18 }, (_, index) => pendingOf(`${100 + index}`, 8, { queuedAt: NOW - 20 * MINUTE }));
    const small = pendingOf("200", 1);
    expect(placed({ nodes: many, active: running, pending: [...backlog, small] })).toEqual(["200"]);
  });
});

test("nothing that is placed behind it delays the first waiting job, whatever comes", () => {
  const jobs = fc.record({
    running: fc.array(fc.record({ gpus: fc.integer({ min: 1, max: 8 }), minutes: fc.integer({ min: 1, max: 120 }) }), { maxLength: 6 }),
    gang: fc.integer({ min: 1, max: 3 }),
    behind: fc.array(
      fc.record({ gpus: fc.integer({ min: 1, max: 8 }), minutes: fc.option(fc.integer({ min: 1, max: 120 }), { nil: null }) }),
      { maxLength: 20 },
    ),
  });
  fc.assert(
    fc.property(jobs, ({ running, gang, behind }) => {
      const nodes = ["a", "b", "c"].map((id) => nodeOf(id, 8));
      const used = new Map(nodes.map(({ id }) => [id, 0]));
      const active: ActiveJob[] = running.flatMap(({ gpus, minutes }, index) => {
        const node = [...used].find(([, count]) => count + gpus <= 8);
        if (node === undefined) return [];
        used.set(node[0], node[1] + gpus);
        return [
          activeOf(
            `r${index}`,
            node[0],
            Array.from({ length: gpus }, (_, place) => (node[1] as number) + place),
            { endsAt: NOW + minutes * MINUTE },
          ),
        ];
      });
      const head: PendingJob = { ...pendingOf("100", 8, { queuedAt: NOW - 5000 }), replicas: gang };
      const rest = behind.map(({ gpus, minutes }, index) =>
        pendingOf(String(200 + index), gpus, minutes === null ? {} : { timeLimitMs: minutes * MINUTE }),
      );
      expect(startOf(nodes, active, [head, ...rest], "100")).toBe(startOf(nodes, active, [head], "100"));
    }),
    { numRuns: runs(150) },
  );
});

/** When the job starts, if every job runs for its whole time limit (those without one for ever). */
function startOf(nodes: ClusterSnapshot["nodes"], first: ActiveJob[], queue: PendingJob[], id: string): number {
  let [active, pending, now] = [first, queue, NOW];
  for (;;) {
    const { placements } = decide({ nodes, active, pending }, now);
    if (placements.some(({ jobId }) => jobId === id)) return now;
    for (const { jobId, assignments } of placements) {
      const job = pending.find((one) => one.id === jobId) as PendingJob;
      active = [
        ...active,
        { id: jobId, resources: job.resources, assignments, ...(job.timeLimitMs === undefined ? {} : { endsAt: now + job.timeLimitMs }) },
      ];
    }
    pending = pending.filter((job) => !placements.some(({ jobId }) => jobId === job.id));
    const ends = active.flatMap(({ endsAt }) => endsAt ?? []);
    if (ends.length === 0) return Number.POSITIVE_INFINITY;
    now = Math.min(...ends);
    active = active.filter(({ endsAt }) => endsAt === undefined || endsAt > now);
  }
}

describe("service history", () => {
  const submit = (history: ReturnType<typeof createServiceHistory>, id: string, group: string, at = 0, gpus = 1) =>
    history.submitted({ id, group, gpus, submittedAt: at });
  const finish = (history: ReturnType<typeof createServiceHistory>, id: string, ms: number) => {
    history.attained(id, ms);
    history.ended(id);
  };

  test("the longer a job has run, the lower its index, when nothing else is known", () => {
    const history = createServiceHistory();
    submit(history, "1", "g");
    const indexes = [0, MINUTE, 10 * MINUTE, HOUR, 10 * HOUR].map((ms) => {
      history.attained("1", ms);
      return history.index("1");
    });
    expect(indexes).toEqual([...indexes].sort((left, right) => right - left));
  });

  test("jobs of a burst whose siblings ended after two minutes come before those whose siblings ran for hours", () => {
    const history = createServiceHistory();
    for (const name of ["short", "long"]) for (let task = 0; task < 5; task += 1) submit(history, `${name}${task}`, name);
    for (let task = 0; task < 4; task += 1) {
      finish(history, `short${task}`, 2 * MINUTE);
      finish(history, `long${task}`, 5 * HOUR);
    }
    expect(history.index("short4")).toBeGreaterThan(5 * history.index("long4"));
  });

  test("a job near the age at which its siblings ended is worth keeping", () => {
    const history = createServiceHistory();
    for (let task = 0; task < 6; task += 1) submit(history, `t${task}`, "g");
    for (let task = 0; task < 5; task += 1) finish(history, `t${task}`, 5 * HOUR);
    history.attained("t5", HOUR);
    const early = history.index("t5");
    history.attained("t5", 4.9 * HOUR);
    expect(history.index("t5")).toBeGreaterThan(early);
  });

  test("the remaining time of a job lies where its like ended", () => {
    const history = createServiceHistory();
    for (let task = 0; task < 60; task += 1) {
      submit(history, `t${task}`, "g");
      if (task < 50) finish(history, `t${task}`, HOUR);
    }
    const [p50, p90] = [history.remaining("t59", 0.5) ?? 0, history.remaining("t59", 0.9) ?? 0];
    expect(p50).toBeGreaterThan(40 * MINUTE);
    expect(p50).toBeLessThan(80 * MINUTE);
    expect(p90).toBeGreaterThanOrEqual(p50);
  });

  test("jobs nobody told it about have no index and change nothing", () => {
    const history = createServiceHistory();
    history.attained("x", HOUR);
    history.ended("x");
    history.forget("x");
    expect([history.index("x"), history.remaining("x", 0.5)]).toEqual([0, null]);
  });

  test("every index is a positive finite number whatever happened before", () => {
    const steps = fc.array(
      fc.record({ group: fc.nat(3), gpus: fc.integer({ min: 1, max: 64 }), ms: fc.nat(30 * 24 * HOUR), ends: fc.boolean() }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (runs) => {
        const history = createServiceHistory();
        for (const [place, { group, gpus, ms, ends }] of runs.entries()) {
          submit(history, String(place), `g${group}`, place * MINUTE, gpus);
          history.attained(String(place), ms);
          const index = history.index(String(place));
          expect(index > 0 && Number.isFinite(index)).toBe(true);
          if (ends) history.ended(String(place));
        }
      }),
      { numRuns: runs(100) },
    );
  });
});

test("usage halves in a week, and a clock that goes back changes nothing", () => {
  const start = { value: 8, at: NOW };
  expect(accrue(start, 0, NOW + 7 * 24 * HOUR).value).toBeCloseTo(4);
  expect(accrue(start, 0.5, NOW + HOUR).value).toBeCloseTo(8.5, 1);
  expect(accrue(start, 1, NOW - HOUR)).toBe(start);
});
