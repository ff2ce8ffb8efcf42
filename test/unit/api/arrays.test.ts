import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createScheduleLoop } from "../../../src/control/jobs/index.ts";
import { decide } from "../../../src/control/scheduler/index.ts";
import { type Job, systemClock } from "../../../src/shared/domain/index.ts";
import type { ExplanationView, Problem } from "../../../src/shared/wire/index.ts";
import { SPEC, startTestApi, type TestApi } from "./api-under-test.ts";

let api: TestApi;
beforeEach(async () => {
  api = await startTestApi({ maxArrayTasks: 1000 });
});
afterEach(() => api.close());

const pass = async () => {
  const { jobs, arrays, nodes } = api.deps.stores;
  await createScheduleLoop({ store: jobs, arrays, nodes, decide, queues: { nudgeNode: async () => {} }, clock: systemClock() }).pass();
};
const get = async (id: string) => (await api.call({ url: `/v1/jobs/${id}` })).json<Job>();
const post = async (id: string, what: string, payload: object = {}) => api.call({ method: "POST", url: `/v1/jobs/${id}/${what}`, payload });
const list = async (query: string) => (await api.call({ url: `/v1/jobs${query}` })).json<{ items: Job[] }>().items;

describe("arrays over the API", () => {
  it("refuses a million tasks with the limit in the text, stored nothing", async () => {
    const answer = await api.call({ method: "POST", url: "/v1/jobs", payload: { ...SPEC, array: "0-999999" } });
    expect(answer.statusCode).toBe(400);
    const { code, detail } = answer.json<Problem>();
    expect(code).toBe("invalid_job_spec");
    expect(detail).toMatch(/1000000 tasks are more than the limit of 1000; .*--max-array-tasks/);
    expect(await list("")).toEqual([]);
  });

  it("submits once for one Idempotency-Key", async () => {
    const send = () =>
      api.call({ method: "POST", url: "/v1/jobs", payload: { ...SPEC, array: "0-9" }, headers: { "idempotency-key": "k" } });
    const [first, again] = [await send(), await send()];
    expect([first.statusCode, again.statusCode]).toEqual([201, 200]);
    expect(again.json<Job>().id).toBe(first.json<Job>().id);
  });

  it("shows a task by its name before it has a job, lists the array in its tasks' place, and its tasks when asked", async () => {
    const array = await api.submit({ ...SPEC, array: "0-99%2" });
    expect(await get(`${array.id}_70`)).toMatchObject({ id: `${array.id}_70`, state: "pending", task: { index: 70 } });
    await pass();
    const task = await get(`${array.id}_1`);
    expect(task).toMatchObject({ state: "pending", task: { arrayId: array.id, index: 1 } });
    expect((await list("")).map(({ id }) => id)).toEqual([array.id]);
    expect((await list(`?array=${array.id}`)).map(({ task }) => task?.index)).toEqual([1, 0]);
    await api.place(task.id, "n1");
    expect((await list("")).map(({ id }) => id)).toEqual([task.id, array.id]);
    expect((await api.call({ url: `/v1/jobs/${array.id}_200` })).statusCode).toBe(404);
    expect((await api.call({ url: `/v1/jobs/${array.id}_70/events` })).json()).toEqual({ items: [] });
    expect((await api.call({ url: `/v1/jobs/${array.id}_70/logs` })).statusCode).toBe(404);
    const explained = (await api.call({ url: `/v1/jobs/${array.id}/explain` })).json<ExplanationView>();
    expect(explained).toMatchObject({ jobId: `${array.id}_0`, state: "pending" });
  });

  it("cancels named tasks and the whole, and runs the cancelled ones again when they are named", async () => {
    const array = await api.submit({ ...SPEC, array: "0-99%2" });
    await pass();
    expect((await post(`${array.id}_70`, "cancel")).json<Job>()).toMatchObject({ state: "cancelled", task: { index: 70 } });
    expect((await post(array.id, "cancel", { tasks: "0,80-89" })).json<Job>().array).toMatchObject({ dropped: 11 });
    expect(await get(`${array.id}_0`)).toMatchObject({ state: "cancelled" });
    expect((await post(array.id, "cancel", { tasks: "100" })).statusCode).toBe(400);
    expect((await post(array.id, "cancel", { tasks: "x" })).statusCode).toBe(400);
    expect((await post(`${array.id}_1`, "cancel", { tasks: "1" })).statusCode).toBe(400);
    const retried = (await post(array.id, "retry", { tasks: "0,70" })).json<Job>();
    expect(retried.array).toMatchObject({ waiting: "0,2-79,90-99", dropped: 10 });
    expect((await post(`${array.id}_50`, "retry")).statusCode).toBe(409);
    await post(array.id, "cancel");
    await pass();
    expect(await get(array.id)).toMatchObject({ state: "cancelled" });
  });

  it("runs a failed job again as a new one, and no other", async () => {
    const job = await api.submit();
    expect((await post(job.id, "retry")).statusCode).toBe(409);
    await post(job.id, "cancel");
    const again = await post(job.id, "retry");
    expect(again.statusCode).toBe(201);
    expect(again.json<Job>()).toMatchObject({ state: "pending", spec: job.spec });
    expect((await get(job.id)).state).toBe("cancelled");
  });
});
