import { expect, test } from "vitest";
import type { NodeView } from "../../../src/cli/client/api-client.ts";
import { printListing } from "../../../src/cli/output/formats.ts";
import { gpuListing, nodeListing } from "../../../src/cli/output/node-listing.ts";
import { reservationListing, stillThere } from "../../../src/cli/output/reservation-listing.ts";
import { factsOf } from "../../support/control-samples.ts";
import { capturedIo, sampleJob } from "./samples.ts";

const HOUR = 3_600_000;
const window = (more: object = {}) => ({ name: "disks", nodes: ["a", "b"], from: 10 * HOUR, to: 12 * HOUR, projects: [], ...more });

test("nodes in a maintenance window or a reservation say so while it lasts", async () => {
  const nodes = ["a", "b", "c"].map(
    (id): NodeView => ({
      ...{ id, name: id, address: "10.0.0.1", facts: factsOf(id, 1), incarnation: "i", bootId: "b" },
      ...{ joinedAt: 0, lastSeenAt: 0, state: "ready" },
    }),
  );
  const reservations = [window({ nodes: ["a"] }), window({ nodes: ["b"], projects: ["vision"] })];
  const states = async (now: number) => {
    const captured = capturedIo();
    await printListing(captured.io, { output: "table", headers: false }, nodeListing(now, reservations), nodes);
    return [...captured.stdout().matchAll(/^\w +(\S+)/gm)].map(([, state]) => state);
  };
  expect(await states(11 * HOUR)).toEqual(["ready,maintenance", "ready,reserved", "ready"]);
  expect(await states(9 * HOUR)).toEqual(["ready", "ready", "ready"]);
});

test("a GPU that is split shows its MIG devices also while nobody has one: it is not free to be had whole", async () => {
  const captured = capturedIo();
  const [gpu] = factsOf("a", 1).gpus;
  if (gpu === undefined) throw new Error("no GPU");
  const device = { uuid: "MIG-1", gpuInstance: 7, computeInstance: 0, profile: "3g.40gb", memoryBytes: 1 };
  const facts = { ...factsOf("a", 1), gpus: [{ ...gpu, mig: { enabled: true, devices: [device] } }] };
  const seen = { incarnation: "i", bootId: "b", joinedAt: 0, lastSeenAt: 0, state: "ready" as const };
  const node: NodeView = { ...seen, id: "a", name: "a", address: "10.0.0.1", facts };
  await printListing(captured.io, { output: "table", headers: false }, gpuListing(node), facts.gpus);
  expect(captured.stdout()).toContain("0 of 1 MIG devices");
});

test("reservations are listed with their nodes, the first by name", async () => {
  const captured = capturedIo();
  const nodes = ["n1", "n2", "n3", "n4", "n5", "n6"];
  await printListing(captured.io, { output: "table", headers: false }, reservationListing(), [window(), window({ name: "demo", nodes })]);
  expect(captured.stdout()).toMatch(/^disks .* maintenance +a,b\ndemo .* n1,n2,n3,n4 and 2 more\n$/);
});

test("who makes a window is told of the jobs that may still run when it begins, and of no others", () => {
  const on = (nodeId: string) => [{ rank: 0, nodeId, nodeAddress: "10.0.0.1", gpuUuids: [] }];
  const running = (id: string, nodeId: string, timeLimitSeconds: number | null, project = "default") => {
    const attempt = { epoch: 1, assignments: on(nodeId), replicas: [], assignedAt: 0, startedAt: 9 * HOUR, stopReason: null };
    return sampleJob({ id, state: "running", attempt }, { timeLimitSeconds, project, stopGraceSeconds: 60 });
  };
  const jobs = [running("1", "a", null), running("2", "b", 3600), running("3", "b", 3540), running("4", "c", null)];
  expect(stillThere(window(), jobs)).toBe("may run there beyond its beginning: job 1, 2; `berth node drain --evict NODE` stops them then");
  expect(stillThere(window(), jobs.slice(2))).toBeNull();
  expect(stillThere(window({ projects: ["vision"] }), [running("1", "a", null, "vision")])).toBeNull();
});
