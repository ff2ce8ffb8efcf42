import { expect, test } from "vitest";
import { judge, observe } from "../../../src/control/jobs/liveness.ts";
import type { NodeRecord } from "../../../src/shared/domain/index.ts";
import { factsOf } from "../../support/control-samples.ts";

const WALL = 1_700_000_000_000;
const PATIENCE = { suspectMs: 15_000, lostMs: 70_000 };

function record(changes: Partial<NodeRecord> = {}): NodeRecord {
  return {
    id: "a",
    name: "a",
    address: "10.0.0.1",
    facts: factsOf("a", 0),
    incarnation: "i",
    bootId: "b",
    joinedAt: WALL,
    lastSeenAt: WALL,
    state: "ready",
    ...changes,
  };
}

function verdict(node: NodeRecord, silentMs: number, options: { moved?: boolean; wall?: number } = {}) {
  const sighting = { mark: "m", at: 1000, moved: options.moved ?? true };
  return judge(node, sighting, { monotonic: 1000 + silentMs, wall: options.wall ?? node.lastSeenAt + silentMs }, PATIENCE);
}

test("silence makes a node suspect, and lost after lease and grace", () => {
  expect(verdict(record(), 14_999)).toBe("alive");
  expect(verdict(record(), 15_000)).toBe("suspect");
  expect(verdict(record(), 69_999)).toBe("suspect");
  expect(verdict(record(), 70_000)).toBe("lost");
});

test("a step of the wall clock makes nobody lost, at most suspect until the next sync", () => {
  expect(verdict(record(), 100, { wall: WALL + 86_400_000 })).toBe("suspect");
  expect(verdict(record(), 70_000, { wall: WALL - 86_400_000 })).toBe("lost");
});

test("a control plane that has just started waits a whole lease and grace, but places nothing on the long gone", () => {
  const sightings = observe(new Map(), [record()], 5_000_000);
  const sighting = sightings.get("a");
  if (sighting === undefined) throw new Error("not seen");
  const hourLater = WALL + 3_600_000;
  expect(judge(record(), sighting, { monotonic: 5_000_000, wall: hourLater }, PATIENCE)).toBe("suspect");
  expect(judge(record(), sighting, { monotonic: 5_070_000, wall: hourLater }, PATIENCE)).toBe("lost");
});

test("a lost node has returned only when its record moves", () => {
  const lost = record({ state: "lost" });
  const first = observe(new Map(), [lost], 10);
  expect(judge(lost, first.get("a") ?? fail(), { monotonic: 20, wall: WALL }, PATIENCE)).toBe("lost");
  const spoken = { ...lost, lastSeenAt: WALL + 5 };
  const second = observe(first, [spoken], 30);
  expect(judge(spoken, second.get("a") ?? fail(), { monotonic: 40, wall: WALL }, PATIENCE)).toBe("returned");
});

test("a sighting keeps its time while the record does not move", () => {
  const first = observe(new Map(), [record()], 10);
  expect(observe(first, [record()], 500).get("a")?.at).toBe(10);
  expect(observe(first, [record({ incarnation: "other" })], 500).get("a")).toMatchObject({ at: 500, moved: true });
});

function fail(): never {
  throw new Error("no sighting");
}
