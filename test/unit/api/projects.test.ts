import { afterAll, describe, expect, test } from "vitest";
import type { Problem, ProjectView } from "../../../src/shared/wire/index.ts";
import { SPEC, startTestApi } from "./api-under-test.ts";

const api = await startTestApi();
afterAll(() => api.close());

const put = (name: string, payload: object) => api.call({ method: "PUT", url: `/v1/projects/${name}`, payload });
const get = (name: string) => api.call({ url: `/v1/projects/${name}` });

describe("projects over the API", () => {
  test("what is set is read back, and what is left out goes back to its default", async () => {
    const made = await put("vision", { weight: 2.5, quota: { gpus: 16 }, limits: { gpus: 32, jobsPerUser: 4 } });
    const limits = { gpus: 32, jobs: null, gpusPerUser: null, jobsPerUser: 4 };
    expect([made.statusCode, made.json()]).toEqual([200, { name: "vision", weight: 2.5, parent: null, quotaGpus: 16, limits, usage: 0 }]);
    await put("vision", {});
    expect((await get("vision")).json<ProjectView>()).toMatchObject({ weight: 1, quotaGpus: 0, limits: { gpus: null } });
    expect((await api.call({ url: "/v1/projects" })).json<{ items: ProjectView[] }>().items.map(({ name }) => name)).toEqual(["vision"]);
  });

  test("a project that is not there is named", async () => {
    const answer = await get("nobody");
    expect([answer.statusCode, answer.json<Problem>().code]).toEqual([404, "project_not_found"]);
  });

  test("a parent must exist, and nobody is below oneself", async () => {
    await put("lab", {});
    await put("lab-a", { parent: "lab" });
    const cases = [await put("x", { parent: "ghost" }), await put("lab", { parent: "lab-a" }), await put("lab", { parent: "lab" })];
    expect(cases.map((answer) => answer.statusCode)).toEqual([400, 400, 400]);
    expect(cases[1]?.json<Problem>().detail).toContain("lab -> lab-a -> lab");
  });

  test.each([
    ["a weight of 0", { weight: 0 }],
    ["a negative weight", { weight: -1 }],
    ["a weight that is no number", { weight: "NaN" }],
    ["half a GPU of quota", { quota: { gpus: 0.5 } }],
    ["a quota above the limit", { quota: { gpus: 9 }, limits: { gpus: 8 } }],
    ["an unknown field", { share: 3 }],
  ])("%s is refused", async (_name, body) => {
    expect((await put("bad", body)).statusCode).toBe(400);
    expect((await get("bad")).statusCode).toBe(404);
  });

  test("a parent stays while it has children; then it can be removed", async () => {
    const remove = (name: string) => api.call({ method: "DELETE", url: `/v1/projects/${name}` });
    expect((await remove("lab")).statusCode).toBe(409);
    expect((await remove("lab-a")).statusCode).toBe(204);
    expect((await remove("lab")).statusCode).toBe(204);
    expect((await remove("lab")).statusCode).toBe(404);
  });

  test("a project with jobs that have not ended stays, and they are named; once they have ended it goes", async () => {
    const remove = () => api.call({ method: "DELETE", url: "/v1/projects/busy" });
    await put("busy", { quota: { gpus: 2 } });
    const jobs = [await api.submit({ ...SPEC, project: "busy" }), await api.submit({ ...SPEC, project: "busy" })];
    await api.submit({ ...SPEC, project: "other" });
    const refused = await remove();
    expect(refused.statusCode).toBe(409);
    expect(refused.json<Problem>().detail).toBe(
      `project busy has jobs that have not ended (job ${jobs[1]?.id}, job ${jobs[0]?.id}): cancel them or wait`,
    );
    expect((await get("busy")).statusCode).toBe(200);
    for (const { id } of jobs) await api.call({ method: "POST", url: `/v1/jobs/${id}/cancel` });
    expect((await remove()).statusCode).toBe(204);
  });
});
