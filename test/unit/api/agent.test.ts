import { once } from "node:events";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../../src/shared/domain/index.ts";
import type { JoinResponse, Problem, ReplicaReport, SyncResponse } from "../../../src/shared/wire/index.ts";
import { SPEC, startTestApi, type TestApi } from "./api-under-test.ts";
import { syncRequest } from "./sync-request.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await api.app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(() => api.close());

const sync = (authorization: string, payload: object) =>
  api.app.inject({ method: "POST", url: "/agent/v1/sync", headers: { authorization }, payload });
const ended = (job: Job, exitCode: number): ReplicaReport => ({
  jobId: job.id,
  epoch: job.epoch,
  rank: 0,
  state: "exited",
  message: null,
  cause: "exited",
  exitCode,
  startedAt: 1,
  finishedAt: 2,
  usage: null,
});

describe("joining", () => {
  it("gives a credential that works, for a token made by the operator", async () => {
    const made = await api.call({ method: "POST", url: "/v1/tokens", payload: { kind: "join", ttlSeconds: 60 } });
    expect(made.headers["cache-control"]).toBe("no-store");
    const { token } = made.json<{ token: string }>();
    const joined = await api.app.inject({ method: "POST", url: "/agent/v1/join", payload: { token, name: "joined" } });
    const { nodeId, credential } = joined.json<JoinResponse>();
    const answer = await sync(`Bearer ${credential}`, syncRequest(nodeId));
    expect(answer.json<SyncResponse>()).toMatchObject({ leaseSeconds: expect.any(Number), desired: [] });
  });

  it("cannot take a living node's name", async () => {
    await sync(await api.joinNode("taken"), syncRequest("taken"));
    const { token } = (await api.call({ method: "POST", url: "/v1/tokens", payload: { kind: "join" } })).json<{ token: string }>();
    const answer = await api.app.inject({ method: "POST", url: "/agent/v1/join", payload: { token, name: "taken" } });
    expect([answer.statusCode, answer.json<Problem>().code]).toEqual([409, "conflict"]);
  });

  it.each([["Über"], ["a/b"], [""], ["x~y"]])("refuses the name %j", async (name) => {
    const { token } = (await api.call({ method: "POST", url: "/v1/tokens", payload: { kind: "join" } })).json<{ token: string }>();
    const answer = await api.app.inject({ method: "POST", url: "/agent/v1/join", payload: { token, name } });
    expect(answer.json<Problem>().errors?.[0]?.field).toBe("/name");
  });
});

describe("syncing", () => {
  it("tells the node what to run, and takes its reports", async () => {
    const node = await api.joinNode("worker");
    await sync(node, syncRequest("worker"));
    const { id } = await api.submit();
    const job = await api.place(id, "worker");
    const { desired } = (await sync(node, syncRequest("worker"))).json<SyncResponse>();
    expect(desired).toMatchObject([{ jobId: id, epoch: 1, rank: 0, action: "run", spec: { image: SPEC.image } }]);
    await sync(node, syncRequest("worker", [ended(job, 0)]));
    expect(await api.deps.stores.jobs.get(id)).toMatchObject({ state: "succeeded", outcome: { exitCode: 0 } });
  });

  it("sends a node that asks for a blob to the holder of its rack first", async () => {
    const peers = { near: "r1", far: "r2", asking: "r1" };
    const tell = (node: string, url: string, payload: object) =>
      api.app.inject({ method: "POST", url, headers: { authorization: node }, payload });
    const nodes: Record<string, string> = {};
    for (const [name, rack] of Object.entries(peers)) {
      const node = await api.joinNode(name);
      const request = syncRequest(name);
      await sync(node, { ...request, facts: { ...request.facts, labels: { rack } } });
      nodes[name] = node;
    }
    const digest = `sha256:${"a".repeat(64)}`;
    for (const name of ["far", "near"])
      await tell(nodes[name] ?? "", "/agent/v1/blobs/held", { address: "10.0.0.1:8471", held: [digest], dropped: [] });
    const claim = await tell(nodes["asking"] ?? "", "/agent/v1/blobs/claim", { digest, address: "10.0.0.2:8471", exhausted: false });
    expect(claim.json()).toMatchObject({
      origin: false,
      holders: [
        { nodeId: "near", distance: 0 },
        { nodeId: "far", distance: 2 },
      ],
    });
  });

  it("is refused in another node's name", async () => {
    const node = await api.joinNode("alice");
    await api.joinNode("bob");
    const answer = await sync(node, syncRequest("bob"));
    expect([answer.statusCode, answer.json<Problem>().code]).toEqual([403, "forbidden"]);
  });

  it("cannot end another node's replica, nor what people follow of it", async () => {
    const mallory = await api.joinNode("mallory");
    const victim = await api.joinNode("victim");
    await sync(mallory, syncRequest("mallory"));
    await sync(victim, syncRequest("victim"));
    const { id } = await api.submit();
    const job = await api.place(id, "victim");
    await sync(victim, syncRequest("victim"));
    await sync(mallory, syncRequest("mallory", [ended(job, 0)]));
    expect(await api.deps.stores.jobs.get(id)).toMatchObject({ state: "starting", attempt: { replicas: [{ state: "assigned" }] } });
    expect(api.deps.logs.isFinal({ jobId: id, epoch: 1, rank: 0 })).toBe(false);
  });

  it("of another protocol version says so", async () => {
    const node = await api.joinNode("old");
    const answer = await sync(node, { ...syncRequest("old"), protocol: 99 });
    expect(answer.json<Problem>()).toMatchObject({ status: 400, errors: [{ field: "/protocol" }] });
  });

  it("with facts that do not fit is refused with the field", async () => {
    const node = await api.joinNode("odd");
    const request = syncRequest("odd");
    const answer = await sync(node, { ...request, facts: { ...request.facts, cpus: "many" } });
    expect(answer.json<Problem>().errors).toEqual([{ field: "/facts/cpus", message: "must be an integer" }]);
  });

  it("ends the followers of a log as soon as the node says that the replica has ended", async () => {
    const node = await api.joinNode("logger");
    await sync(node, syncRequest("logger"));
    const { id } = await api.submit();
    const job = await api.place(id, "logger");
    await sync(node, syncRequest("logger"));
    const headers = { authorization: node, "content-type": "application/octet-stream" };
    const payload = Buffer.from("2026-01-02T03:04:05Z stdout F bye\n");
    const followed = api.call({ url: `/v1/jobs/${id}/logs?follow=true` });
    await api.app.inject({ method: "POST", url: `/agent/v1/logs/${id}/1/0?offset=0`, headers, payload });
    await sync(node, syncRequest("logger", [ended(job, 0)]));
    expect((await followed).body).toBe("bye\n");
    expect(api.deps.logs.isFinal({ jobId: id, epoch: 1, rank: 0 })).toBe(true);
  });
});

describe("the wake stream", () => {
  const open = async (authorization: string) => {
    const { port } = api.app.server.address() as AddressInfo;
    const call = request({ port, host: "127.0.0.1", path: "/agent/v1/wake", headers: { authorization } });
    call.end();
    const [response] = await once(call, "response");
    const lines: string[] = [];
    const done = (async () => {
      for await (const chunk of response) lines.push(...String(chunk).trimEnd().split("\n"));
    })();
    return { lines, done, call };
  };

  it("says at once that it is alive, and passes on nudges", async () => {
    const stream = await open(await api.joinNode("sleeper"));
    await expect.poll(() => stream.lines).toEqual(['{"type":"alive"}']);
    await api.deps.queues.nudgeNode("sleeper");
    await api.deps.queues.nudgeNode("somebody-else");
    await expect.poll(() => stream.lines).toEqual(['{"type":"alive"}', '{"type":"nudge"}']);
    stream.call.destroy();
    await stream.done.catch(() => undefined);
  });

  it("is one for each node: a newer one ends the older", async () => {
    const node = await api.joinNode("twins");
    const first = await open(node);
    const second = await open(node);
    await first.done;
    await api.deps.queues.nudgeNode("twins");
    await expect.poll(() => second.lines).toContain('{"type":"nudge"}');
    second.call.destroy();
    await second.done.catch(() => undefined);
  });
});
