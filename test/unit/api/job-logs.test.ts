import { once } from "node:events";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../../src/shared/domain/index.ts";
import type { LogEntry, Problem } from "../../../src/shared/wire/index.ts";
import { ADMIN, AS_ADMIN, SPEC, startTestApi, type TestApi } from "./api-under-test.ts";

let api: TestApi;
let node: string;
beforeAll(async () => {
  api = await startTestApi();
  node = await api.joinNode("n1");
  await api.joinNode("n2");
  await api.app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(() => api.close());

const line = (text: string, { second = 0, stream = "stdout", flag = "F" } = {}) =>
  `2026-01-02T03:04:${String(second).padStart(2, "0")}.000000001Z ${stream} ${flag} ${text}\n`;

async function push(jobId: string, rank: number, text: string, options: { epoch?: number; as?: string; offset?: number } = {}) {
  const { epoch = 1, as = node } = options;
  const offset = options.offset ?? (await api.deps.logs.append({ jobId, epoch, rank }, 0, Buffer.alloc(0)));
  return api.app.inject({
    method: "POST",
    url: `/agent/v1/logs/${jobId}/${epoch}/${rank}?offset=${offset}`,
    headers: { authorization: as, "content-type": "application/octet-stream" },
    payload: Buffer.from(text),
  });
}

async function running(spec: object = SPEC, ...nodes: string[]): Promise<Job> {
  const { id } = await api.submit(spec);
  return api.place(id, ...(nodes.length > 0 ? nodes : ["n1"]));
}

const read = async (id: string, query = "", accept = "text/plain") => api.call({ url: `/v1/jobs/${id}/logs${query}`, headers: { accept } });

/** A follower over a real connection: `received()` is what came so far. */
function follow(id: string, query = "", accept = "text/plain") {
  const { port } = api.app.server.address() as AddressInfo;
  let text = "";
  const headers = { authorization: `Bearer ${ADMIN}`, accept };
  const call = request({ port, host: "127.0.0.1", path: `/v1/jobs/${id}/logs?follow=true${query}`, headers });
  call.end();
  const ended = once(call, "response").then(async ([response]) => {
    for await (const chunk of response) text += chunk;
    return text;
  });
  return { ended, received: () => text, call };
}

describe("a node's pushes", () => {
  it("are stored for a replica it was given, by offset", async () => {
    const { id } = await running();
    expect((await push(id, 0, line("a"))).json()).toEqual({ size: line("a").length });
    const gap = await push(id, 0, "x", { offset: 9999 });
    expect([gap.statusCode, gap.json<Problem>().code, gap.json<Problem>().size]).toEqual([409, "log_offset_mismatch", line("a").length]);
  });

  it("are refused for a replica of another node, another rank, another attempt or no job", async () => {
    const { id } = await running({ ...SPEC, replicas: 2 }, "n1", "n2");
    const code = async (rank: number, epoch: number, job = id) => (await push(job, rank, "x", { epoch, offset: 0 })).json<Problem>().code;
    expect(await code(1, 1)).toBe("forbidden");
    expect(await code(7, 1)).toBe("forbidden");
    expect(await code(0, 2)).toBe("stale_epoch");
    expect(await code(0, 1, "999999")).toBe("job_not_found");
    expect(await api.deps.logs.ranks(id, 1)).toEqual([]);
  });

  it("still arrive for an attempt that is over when they began during it", async () => {
    const { id } = await running({ ...SPEC, retries: 1 });
    await push(id, 0, line("first"));
    await api.report(id, 0, "n1", "running");
    await api.report(id, 0, "n1", "exited", 1);
    await api.place(id, "n2");
    expect((await push(id, 0, line("last words"))).statusCode).toBe(200);
    expect((await push(id, 0, "x", { epoch: 2, offset: 0 })).json<Problem>().code).toBe("forbidden");
  });

  it.each([["../../x"], ["1%2f..%2f2"], ["01"], ["-1"], ["1e3"]])("cannot name the job %j", async (job) => {
    const answer = await api.app.inject({
      method: "POST",
      url: `/agent/v1/logs/${job}/1/0?offset=0`,
      headers: { authorization: node, "content-type": "application/octet-stream" },
      payload: "x",
    });
    expect([400, 404]).toContain(answer.statusCode);
  });

  it("of more than 4 MiB, or of JSON, are refused", async () => {
    const { id } = await running();
    expect((await push(id, 0, "x".repeat(4 * 1024 * 1024 + 1))).statusCode).toBe(413);
    const json = await api.app.inject({
      method: "POST",
      url: `/agent/v1/logs/${id}/1/0?offset=0`,
      headers: { authorization: node },
      payload: { a: 1 },
    });
    expect(json.json<Problem>().code).toBe("unsupported_media_type");
  });
});

describe("a stored log", () => {
  it("is given as the program wrote it, cut lines joined", async () => {
    const { id } = await running();
    await push(
      id,
      0,
      line("one") + line("half ", { flag: "P" }) + line("of it") + line("oops", { stream: "stderr" }) + line("\u001b[31mred"),
    );
    expect((await read(id)).body).toBe("one\nhalf of it\noops\n\u001b[31mred\n");
  });

  it("is given as NDJSON with rank, stream, time and what is partial, control characters escaped", async () => {
    const { id } = await running();
    await push(id, 0, line("\u001b]0;title\u0007", { stream: "stderr", second: 7 }) + line("x", { flag: "P" }));
    const { body } = await read(id, "", "application/x-ndjson");
    expect(body).not.toContain("\u001b");
    const entries = body
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text) as LogEntry);
    expect(entries).toEqual([
      { rank: 0, stream: "stderr", time: "2026-01-02T03:04:07.000000001Z", text: "\u001b]0;title\u0007", partial: false },
      { rank: 0, stream: "stdout", time: "2026-01-02T03:04:00.000000001Z", text: "x", partial: true },
    ]);
  });

  it("keeps a letter whole that was cut between two pieces", async () => {
    const { id } = await running();
    const bytes = Buffer.from("schön");
    const piece = (part: Buffer, flag: string) =>
      Buffer.concat([Buffer.from(`2026-01-02T03:04:05Z stdout ${flag} `), part, Buffer.from("\n")]);
    await api.deps.logs.append(
      { jobId: id, epoch: 1, rank: 0 },
      0,
      Buffer.concat([piece(bytes.subarray(0, 4), "P"), piece(bytes.subarray(4), "F")]),
    );
    const { body } = await read(id, "", "application/x-ndjson");
    const text = body
      .trimEnd()
      .split("\n")
      .map((entry) => (JSON.parse(entry) as LogEntry).text)
      .join("");
    expect(text).toBe("schön");
  });

  it("gives the last lines with tail, however long it is", async () => {
    const { id } = await running();
    const lines = Array.from({ length: 20_000 }, (_, index) => line(`line ${index}`));
    await push(id, 0, lines.join(""));
    expect((await read(id, "?tail=3")).body).toBe("line 19997\nline 19998\nline 19999\n");
    expect((await read(id, "?tail=0")).body).toBe("");
    expect((await read(id, "?tail=1000000")).body.split("\n")).toHaveLength(20_001);
  });

  it("counts a line in pieces as one line for tail", async () => {
    const { id } = await running();
    await push(id, 0, line("a") + line("b1", { flag: "P" }) + line("b2", { flag: "P" }) + line("b3") + line("c"));
    expect((await read(id, "?tail=2")).body).toBe("b1b2b3\nc\n");
  });

  it("starts at since, a time or a duration", async () => {
    const { id } = await running();
    await push(id, 0, line("old", { second: 1 }) + line("new", { second: 5 }));
    expect((await read(id, "?since=2026-01-02T03:04:03Z")).body).toBe("new\n");
    expect((await read(id, "?since=1s")).body).toBe("");
    expect((await read(id, "?since=yesterday")).json<Problem>().errors?.[0]?.field).toBe("/query/since");
  });

  it("orders the replicas by time and says whose line it is", async () => {
    const { id } = await running({ ...SPEC, replicas: 2 }, "n1", "n2");
    await push(id, 0, line("zero a", { second: 1 }) + line("zero b", { second: 3 }));
    await api.deps.logs.append(
      { jobId: id, epoch: 1, rank: 1 },
      0,
      Buffer.from(line("one a", { second: 2 }) + line("one b", { second: 4 })),
    );
    expect((await read(id)).body).toBe("[0] zero a\n[1] one a\n[0] zero b\n[1] one b\n");
    expect((await read(id, "?rank=1&timestamps=true")).body).toBe(
      "2026-01-02T03:04:02.000000001Z one a\n2026-01-02T03:04:04.000000001Z one b\n",
    );
    expect((await read(id, "?rank=2")).json<Problem>().errors?.[0]?.field).toBe("/query/rank");
  });

  it("shows what does not fit the format instead of hiding it", async () => {
    const { id } = await running();
    await push(id, 0, `garbage\n${line("fine")}${"x".repeat(200_000)}`);
    expect((await read(id)).body).toBe(`garbage\nfine\n${"x".repeat(200_000)}`);
  });

  it("that does not exist yet is a 404 that says why", async () => {
    const { id } = await api.submit();
    const problem = (await read(id)).json<Problem>();
    expect([problem.status, problem.code]).toEqual([404, "logs_not_found"]);
    expect(problem.detail).toContain("pending");
  });
});

describe("a followed log", () => {
  it("goes from before the start to the end of the job, with every byte", async () => {
    const { id } = await api.submit();
    const follower = follow(id);
    await api.place(id, "n1");
    await push(id, 0, line("one"));
    await expect.poll(follower.received).toBe("one\n");
    await api.report(id, 0, "n1", "running");
    await push(id, 0, line("two") + line("half", { flag: "P" }));
    await expect.poll(follower.received).toBe("one\ntwo\nhalf");
    await push(id, 0, line(" and half"));
    await push(id, 0, "no line end");
    api.deps.logs.markFinal({ jobId: id, epoch: 1, rank: 0 });
    await api.report(id, 0, "n1", "exited");
    expect(await follower.ended).toBe("one\ntwo\nhalf and half\nno line end");
  });

  it("loses nothing of many small pushes while the job ends", async () => {
    const { id } = await running();
    const follower = follow(id, "", "application/x-ndjson");
    await api.report(id, 0, "n1", "running");
    for (let index = 0; index < 300; index += 1) await push(id, 0, line(String(index)));
    api.deps.logs.markFinal({ jobId: id, epoch: 1, rank: 0 });
    await api.report(id, 0, "n1", "exited");
    const entries = (await follower.ended)
      .trimEnd()
      .split("\n")
      .map((text) => (JSON.parse(text) as LogEntry).text);
    expect(entries).toEqual(Array.from({ length: 300 }, (_, index) => String(index)));
  });

  it("goes on into the next attempt", async () => {
    const { id } = await running({ ...SPEC, retries: 1 });
    const follower = follow(id);
    await push(id, 0, line("first"));
    await api.report(id, 0, "n1", "running");
    api.deps.logs.markFinal({ jobId: id, epoch: 1, rank: 0 });
    await api.report(id, 0, "n1", "exited", 1);
    await api.place(id, "n1");
    await push(id, 0, line("second"), { epoch: 2 });
    await api.report(id, 0, "n1", "running");
    api.deps.logs.markFinal({ jobId: id, epoch: 2, rank: 0 });
    await api.report(id, 0, "n1", "exited");
    expect(await follower.ended).toBe("first\nsecond\n");
  });

  it("ends at once for a job that was cancelled before it started", async () => {
    const { id } = await api.submit();
    const follower = follow(id);
    await api.call({ method: "POST", url: `/v1/jobs/${id}/cancel` });
    expect(await follower.ended).toBe("");
  });

  it("is let go when the reader leaves", async () => {
    const { id } = await running();
    const before = (await api.deps.metrics.logFollowers.get()).values[0]?.value ?? 0;
    const follower = follow(id);
    follower.ended.catch(() => undefined);
    await expect.poll(async () => (await api.deps.metrics.logFollowers.get()).values[0]?.value).toBe(before + 1);
    follower.call.destroy();
    await expect.poll(async () => (await api.deps.metrics.logFollowers.get()).values[0]?.value).toBe(before);
  });

  it("ends with a note when the control plane stops", async () => {
    const other = await startTestApi();
    await other.app.listen({ port: 0, host: "127.0.0.1" });
    const { id } = await other.submit();
    const { port } = other.app.server.address() as AddressInfo;
    const answer = fetch(`http://127.0.0.1:${port}/v1/jobs/${id}/logs?follow=true`, { headers: AS_ADMIN }).then((response) =>
      response.text(),
    );
    await expect.poll(async () => (await other.deps.metrics.logFollowers.get()).values[0]?.value).toBe(1);
    other.stop.abort();
    expect(await answer).toContain("the control plane is stopping");
    await other.close();
  });

  it("is refused when too many are open", async () => {
    const small = await startTestApi({ mostFollowers: 0 });
    const { id } = await small.submit();
    const answer = await small.call({ url: `/v1/jobs/${id}/logs?follow=true` });
    expect([answer.statusCode, answer.json<Problem>().code]).toEqual([429, "rate_limited"]);
    await small.close();
  });
});
