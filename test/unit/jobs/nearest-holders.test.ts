import { describe, expect, it } from "vitest";
import { type NodePlace, nearestHolders, placeOf } from "../../../src/control/jobs/index.ts";
import type { NodeRecord } from "../../../src/shared/domain/index.ts";

const holders = (...names: string[]) => names.map((nodeId) => ({ nodeId, address: "10.0.0.1:8471" }));
const place = (rack: string | null, leaf: string | null): NodePlace => ({ rack, switch: leaf });
const places = new Map([
  ["me", place("r1", "s1")],
  ["mate", place("r1", "s9")],
  ["cousin", place("r2", "s1")],
  ["far", place("r3", "s3")],
  ["silent", place(null, null)],
]);
const ask = (names: string[], { asker = "me", digest = "sha256:a", most = 8 } = {}) =>
  nearestHolders({ digest, asker }, holders(...names), places, most).map(({ nodeId, distance }) => `${nodeId} ${distance}`);

describe("the holders of a blob", () => {
  it("come by rack, then by switch, then the others", () => {
    expect(ask(["far", "cousin", "mate"])).toEqual(["mate 0", "cousin 1", "far 2"]);
    expect(ask(["far", "cousin", "mate"], { most: 1 })).toEqual(["mate 0"]);
  });

  it("are never near one another for a label that neither has, or that a node nobody knows has", () => {
    expect(ask(["silent", "mate"], { asker: "silent" }).map((text) => text.at(-1))).toEqual(["2", "2"]);
    expect(ask(["me", "mate"], { asker: "stranger" }).map((text) => text.at(-1))).toEqual(["2", "2"]);
    expect(ask([])).toEqual([]);
  });

  it("of one distance have the same order each time, and another one for other askers and blobs", () => {
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    const first = (asker: string, digest: string) => ask(names, { asker, digest })[0];
    expect(ask(names)).toEqual(ask(names.toReversed()));
    const askers = Array.from({ length: 60 }, (_, index) => first(`asker${index}`, "sha256:a"));
    const blobs = Array.from({ length: 60 }, (_, index) => first("me", `sha256:${index}`));
    for (const chosen of [askers, blobs]) expect(new Set(chosen).size).toBeGreaterThan(10);
  });
});

it("a node stands where the operator's label says, else where its own does", () => {
  const node = (own: Record<string, string>, given?: Record<string, string>) =>
    ({ facts: { labels: own }, ...(given && { controls: { labels: given } }) }) as unknown as NodeRecord;
  expect(placeOf(node({ rack: "r1", switch: "s1" }, { rack: "r2" }))).toEqual({ rack: "r2", switch: "s1" });
  expect(placeOf(node({ rack: "" }))).toEqual({ rack: null, switch: null });
});
