import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createScheduleLoop } from "../../../src/control/jobs/index.ts";
import { decide } from "../../../src/control/scheduler/index.ts";
import { SPEC, startTestApiWithNodes, type TestApi } from "./api-under-test.ts";

const HOUR = 3_600_000;
let api: TestApi;

beforeEach(async () => {
  api = await startTestApiWithNodes({}, "a", "b");
});

afterEach(() => api.close());

const reserve = (body: object) => {
  const now = api.deps.clock.now();
  const payload = { name: "disks", from: now + HOUR, to: now + 2 * HOUR, ...body };
  return api.call({ method: "POST", url: "/v1/reservations", payload });
};

describe("reservations", () => {
  it("keep the scheduling loop and the explanation from placing a job that would run into them, until they are removed", async () => {
    expect((await reserve({ nodes: ["b", "a"] })).json()).toMatchObject({ name: "disks", nodes: ["a", "b"], projects: [] });
    const { stores, clock } = api.deps;
    const { id } = await api.submit();
    const { id: short } = await api.submit({ ...SPEC, timeLimit: "30m" });
    const options = { store: stores.jobs, nodes: stores.nodes, reservations: stores.reservations, clock };
    const loop = createScheduleLoop({ ...options, decide, queues: { nudgeNode: async () => {} } });
    expect((await loop.pass()).placed.map((job) => job.id)).toEqual([short]);
    const view = (await api.call({ method: "GET", url: `/v1/jobs/${id}/explain` })).json();
    expect(view).toMatchObject({ assignments: null, blocked: [{ kind: "reserved", nodes: 2 }], startUnknown: null });
    expect(view.start.p90).toBeGreaterThan(clock.now() + HOUR);
    expect((await api.call({ method: "DELETE", url: "/v1/reservations/disks" })).statusCode).toBe(204);
    expect((await loop.pass()).placed.map((job) => job.id)).toEqual([id]);
  });

  it("choose so many nodes themselves, never one that is reserved at that time", async () => {
    expect((await reserve({ count: 1, projects: ["vision"] })).json()).toMatchObject({ nodes: ["a"], projects: ["vision"] });
    expect((await reserve({ name: "more", count: 1 })).json().nodes).toEqual(["b"]);
    expect((await reserve({ name: "most", count: 1 })).statusCode).toBe(409);
    expect((await api.call({ method: "GET", url: "/v1/reservations" })).json().items).toHaveLength(2);
  });

  it.each([
    ["a node that nobody knows", { nodes: ["zzz"] }, 404],
    ["neither nodes nor a count", {}, 400],
    ["both nodes and a count", { nodes: ["a"], count: 1 }, 400],
    ["no node", { nodes: [] }, 400],
    ["an end before the beginning", { nodes: ["a"], from: 2e12, to: 1e12 }, 400],
    ["an end in the past", { nodes: ["a"], from: 1, to: 2 }, 400],
  ])("are refused with %s", async (_what, body, status) => {
    expect((await reserve(body)).statusCode).toBe(status);
    expect(await api.deps.stores.reservations.list()).toEqual([]);
  });

  it("are not made twice, and removing what is not there is an error", async () => {
    expect([(await reserve({ nodes: ["a"] })).statusCode, (await reserve({ nodes: ["b"] })).statusCode]).toEqual([201, 409]);
    expect((await api.call({ method: "DELETE", url: "/v1/reservations/none" })).json()).toMatchObject({ code: "reservation_not_found" });
  });
});
