import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Problem } from "../../../src/shared/wire/index.ts";
import { AS_ADMIN, SPEC, startTestApi, startTestApiWithNodes, type TestApi } from "./api-under-test.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const post = (payload: string | object, headers: Record<string, string> = {}) =>
  api.call({ method: "POST", url: "/v1/jobs", payload, headers });
const json = { "content-type": "application/json" };
const yaml = { "content-type": "application/yaml" };

describe("a job that fits", () => {
  it("is accepted with 201, its place and its defaults filled in", async () => {
    const answer = await post({ ...SPEC, resources: { gpus: 2, memory: "8Gi", cpus: "500m" } });
    expect(answer.statusCode).toBe(201);
    const job = answer.json();
    expect(answer.headers.location).toBe(`/v1/jobs/${job.id}`);
    expect(job).toMatchObject({
      state: "pending",
      user: "admin",
      epoch: 0,
      spec: { replicas: 1, resources: { gpus: 2, memoryBytes: 8 * 2 ** 30, cpuMillis: 500 } },
    });
  });

  it("may be written in YAML, with an anchor used a few times", async () => {
    const text = "name: train\nimage: &i debian\nresources: {memory: 2Gi}\nlabels: {a: *i, b: *i}\n";
    const answer = await post(text, yaml);
    expect(answer.json().spec).toMatchObject({ image: "debian", labels: { a: "debian", b: "debian" } });
  });
});

describe("what is refused, and where it says it is wrong", () => {
  const refused: [string, object, string][] = [
    ["a negative number of GPUs", { resources: { gpus: -1 } }, "/resources/gpus"],
    ["one GPU and a half", { resources: { gpus: 1.5 } }, "/resources/gpus"],
    ["a number written as text", { replicas: "2" }, "/replicas"],
    ["more memory than any node has", { resources: { memory: "1PB" } }, "/resources/memory"],
    ["memory in a unit that does not exist", { resources: { memory: "8 gigs" } }, "/resources/memory"],
    ["a CPU amount finer than a thousandth", { resources: { cpus: 0.0001 } }, "/resources/cpus"],
    ["a time limit without meaning", { timeLimit: "soon" }, "/timeLimit"],
    ["a name with a slash", { name: "a/b" }, "/name"],
    ["a name of a hundred letters", { name: "a".repeat(100) }, "/name"],
    ["an unknown field", { gpu: 1 }, "/gpu"],
    ["an unknown field in resources", { resources: { gpuz: 1 } }, "/resources/gpuz"],
    ["a field only the scheduler sets", { epoch: 7 }, "/epoch"],
    ["somebody else's name as user", { user: "root" }, "/user"],
    ["a missing image", { image: undefined }, "/image"],
    ["an environment name that is none", { env: { "A=B": "1" } }, "/env/A=B"],
    ["an environment value that is a number", { env: { LR: 0.1 } }, "/env/LR"],
    ["an environment value with a NUL byte", { env: { A: "x\0y" } }, "/env/A"],
    ["a network nobody has", { network: "vpn" }, "/network"],
    ["more replicas than the limit", { replicas: 1_000_000 }, "/replicas"],
    ["a mount over /proc", { mounts: [{ source: "data", target: "/proc/x" }] }, "/mounts/0/target"],
    ["a mount that climbs", { mounts: [{ source: "data", target: "/a/../../b" }] }, "/mounts/0/target"],
    ["a volume name that is a path", { mounts: [{ source: "../etc", target: "/x" }] }, "/mounts/0/source"],
    ["privileged", { privileged: true }, "/privileged"],
  ];
  it.each(refused)("%s", async (_what, change, field) => {
    const answer = await post({ ...SPEC, ...change });
    const problem = answer.json<Problem>();
    expect(answer.headers["content-type"]).toContain("application/problem+json");
    expect([answer.statusCode, problem.code]).toEqual([400, "invalid_job_spec"]);
    expect(problem.errors?.map((error) => error.field)).toContain(field);
  });

  it("names what was probably meant", async () => {
    const problem = (await post({ ...SPEC, resource: {} })).json<Problem>();
    expect(problem.errors).toEqual([{ field: "/resource", message: "is not known; did you mean resources?" }]);
  });

  it("names what there is where nothing is close", async () => {
    const problem = (await post({ ...SPEC, placement: { sameRack: "r1" } })).json<Problem>();
    const message = "is not known; there are architecture, excludeNodes, maxPerNode, nodeSelector, spread, together, tolerations";
    expect(problem.errors).toEqual([{ field: "/placement/sameRack", message }]);
  });

  it("names every wrong field at once, each once", async () => {
    const problem = (await post({ ...SPEC, name: 7, network: "vpn", resources: { memory: true } })).json<Problem>();
    expect(problem.errors).toEqual([
      { field: "/name", message: "must be a string" },
      { field: "/resources/memory", message: "must be a string or an integer within its limits" },
      { field: "/network", message: 'must be one of "bridge", "host", "none"' },
    ]);
  });

  const words: [what: string, change: Record<string, unknown>, field: string, message: string][] = [
    ["a name", { name: "Bad_Name" }, "/name", '"Bad_Name" does not fit: lower-case letters, digits and inner dashes, at most 63'],
    [
      "a version",
      { resources: { gpus: 1, driver: "new" } },
      "/resources/driver",
      '"new" does not fit: >=550; several conditions by commas; a bare version is >=',
    ],
    ["no replica", { replicas: 0 }, "/replicas", "must be 1 to 1024"],
    ["an empty model", { resources: { gpus: 1, gpuModel: "" } }, "/resources/gpuModel", "must not be empty"],
    [
      "a GPU described, none asked for",
      { resources: { gpuModel: "h100" } },
      "/resources/gpuModel",
      "is a wish about GPUs, and none is asked for; write gpus: 1 (gpus: 0 for none)",
    ],
  ];
  it.each(words)("%s, in words", async (_what, change, field, message) => {
    expect((await post({ ...SPEC, ...change })).json<Problem>().errors).toEqual([{ field, message }]);
  });

  it("not the names that uname has for CPU architectures, nor a GPU's description beside gpus: 0", async () => {
    const answer = await post({ ...SPEC, placement: { architecture: "aarch64" }, resources: { gpus: 0, gpuModel: "h100" } });
    expect(answer.statusCode).toBe(201);
    expect(answer.json<{ spec: { placement: { architecture: string } } }>().spec.placement.architecture).toBe("arm64");
  });

  it("an environment of 10 MB, as too large", async () => {
    const answer = await post({ ...SPEC, env: { BIG: "x".repeat(10_000_000) } });
    expect([answer.statusCode, answer.json<Problem>().code]).toEqual([413, "payload_too_large"]);
  });

  it("an environment larger in all than the limit, with the field", async () => {
    const env = Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`V${index}`, "x".repeat(100_000)]));
    expect((await post({ ...SPEC, env })).json<Problem>().errors?.[0]?.field).toBe("/env");
  });
});

describe("bodies that are not what they say", () => {
  const bodies: [string, string, Record<string, string>, number][] = [
    ["JSON that ends early", '{"name": "a"', json, 400],
    ["nothing", "", json, 400],
    ["null", "null", json, 400],
    ["an array", "[]", json, 400],
    ["a bare string", '"x"', json, 400],
    ["__proto__ in JSON", '{"__proto__": {"name": "x"}, "name": "a", "image": "b"}', json, 400],
    ["constructor.prototype in JSON", '{"constructor": {"prototype": {"a": 1}}, "name": "a", "image": "b"}', json, 400],
    ["__proto__ as environment name in JSON", '{"name": "a", "image": "b", "env": {"__proto__": "x"}}', json, 400],
    ["__proto__ in YAML", "name: a\nimage: b\n__proto__: {x: 1}\n", yaml, 400],
    ["__proto__ as environment name in YAML", "name: a\nimage: b\nenv: {__proto__: x}\n", yaml, 400],
    ["a hundred thousand brackets of JSON", `{"name": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`, json, 400],
    ["a hundred thousand brackets of YAML", `name: ${"[".repeat(100_000)}`, yaml, 400],
    ["a custom YAML tag", "name: !!js/function 'x'\nimage: b\n", yaml, 400],
    ["two YAML documents", "name: a\nimage: b\n---\nname: c\nimage: d\n", yaml, 400],
    ["a YAML key twice", "name: a\nname: b\nimage: c\n", yaml, 400],
    ["an unknown field in YAML", "name: a\nimage: b\nnope: 1\n", yaml, 400],
    ["a form", "name=a&image=b", { "content-type": "application/x-www-form-urlencoded" }, 415],
    ["plain text", '{"name":"a","image":"b"}', { "content-type": "text/plain" }, 415],
    ["almost JSON", '{"name":"a","image":"b"}', { "content-type": "application/jsonx" }, 415],
  ];
  it.each(bodies)("%s", async (_what, payload, headers, status) => {
    const answer = await post(payload, headers);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers["content-type"]).toContain("application/problem+json");
    expect(answer.json<Problem>().hint).not.toBe("");
  });

  it("a billion laughs, at once and in little memory", async () => {
    const levels = Array.from({ length: 9 }, (_, level) => `l${level + 1}: &l${level + 1} [${`*l${level}, `.repeat(9)}]`);
    const answer = await post(["name: a", "image: b", "l0: &l0 [lol, lol, lol]", ...levels].join("\n"), yaml);
    expect(answer.statusCode).toBe(400);
    expect(answer.json<Problem>().detail).toMatch(/alias/i);
  });

  // Each of these kept the parser busy for minutes, or made V8 abort the process, before the text was bounded.
  const hostile: [string, string][] = [
    ["brackets", "[".repeat(900_000)],
    ["maps in maps", "{a: ".repeat(200_000)],
    ["sequences in one line", "- ".repeat(400_000)],
    ["explicit keys", "? ".repeat(400_000)],
    ["anchors", `[${"&a ".repeat(300_000)}`],
    ["indentation", Array.from({ length: 1300 }, (_, column) => `${" ".repeat(column)}a:`).join("\n")],
    ["commas", `[${",".repeat(90_000)}`],
    ["keys", Array.from({ length: 14_000 }, (_, index) => `k${index}: 1`).join("\n")],
  ];
  it.each(hostile)("YAML made of nothing but %s is refused", async (_what, text) => {
    const answer = await post(text, yaml);
    expect([answer.statusCode, answer.json<Problem>().code]).toEqual([400, "invalid_job_spec"]);
  });

  it("a YAML error says where it is", async () => {
    expect((await post("name: a\nimage: [b\n", yaml)).json<Problem>().detail).toMatch(/line 3, column 1/);
  });

  // CVE-2025-32442, CVE-2026-25223, CVE-2026-33806: media types that are parsed but escape validation.
  const tricks = [
    "application/json ",
    " application/json",
    "application/json\t; charset=utf-8",
    "application/json;",
    "APPLICATION/JSON",
    "application/json; a=b; a=c",
    "application/yaml ;x=1",
  ];
  it.each(tricks)("no spelling of the media type (%j) gets a bad job past the schema", async (type) => {
    const answer = await post('{"name":"a","image":"b","nope":1}', { "content-type": type });
    expect([400, 415]).toContain(answer.statusCode);
  });
});

describe("Idempotency-Key", () => {
  it("gives the same job again for the same request", async () => {
    const headers = { "idempotency-key": "one" };
    const first = await post(SPEC, headers);
    const second = await post(SPEC, headers);
    expect([first.statusCode, second.statusCode]).toEqual([201, 200]);
    expect(second.json().id).toBe(first.json().id);
    expect(second.headers["idempotency-replayed"]).toBe("true");
  });

  it("is the same key for JSON and YAML of the same spec", async () => {
    const headers = { "idempotency-key": "two" };
    const first = await post(SPEC, headers);
    const second = await post("image: debian:bookworm\nname: train\n", { ...headers, ...yaml });
    expect(second.json().id).toBe(first.json().id);
  });

  it("refuses the key for another spec", async () => {
    const headers = { "idempotency-key": "three" };
    await post(SPEC, headers);
    const answer = await post({ ...SPEC, image: "other" }, headers);
    expect([answer.statusCode, answer.json<Problem>().code]).toEqual([409, "idempotency_conflict"]);
  });

  it("makes one job of twenty requests at once", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(SPEC, { "idempotency-key": "many" })));
    expect(new Set(answers.map((answer) => answer.json().id)).size).toBe(1);
    expect(answers.filter((answer) => answer.statusCode === 201)).toHaveLength(1);
  });

  it("must be printable and short", async () => {
    const answer = await post(SPEC, { "idempotency-key": "x".repeat(300) });
    expect(answer.json<Problem>()).toMatchObject({ status: 400, code: "invalid_job_spec" });
  });
});

describe("without a token", () => {
  it("nothing of the body is looked at", async () => {
    const answer = await api.app.inject({ method: "POST", url: "/v1/jobs", payload: "{", headers: json });
    expect([answer.statusCode, answer.json<Problem>().code]).toEqual([401, "unauthorized"]);
    expect(answer.headers["www-authenticate"]).toContain("Bearer");
  });
  it("a token in the wrong place does not count", async () => {
    const answer = await api.app.inject({ method: "GET", url: `/v1/jobs?token=${AS_ADMIN.authorization}`, headers: { cookie: "token=x" } });
    expect(answer.statusCode).toBe(401);
  });
});

describe("a job that no node could ever run", () => {
  const large = { ...SPEC, resources: { gpus: 9 } };

  it("waits with the reason, unless the operator wants it refused: then with the same reason", async () => {
    expect((await post(large)).statusCode).toBe(201);
    const strict = await startTestApiWithNodes({ neverFits: "refuse" }, "a");
    const answer = await strict.call({ method: "POST", url: "/v1/jobs", payload: large });
    expect([answer.statusCode, answer.json<Problem>().code]).toEqual([400, "invalid_job_spec"]);
    expect(answer.json<Problem>().detail).toBe("no node could ever run it: can never fit: 9 GPUs asked, the largest node has 4");
    expect((await strict.call({ method: "POST", url: "/v1/jobs", payload: { ...SPEC, resources: { gpus: 4 } } })).statusCode).toBe(201);
    await strict.close();
  });

  it("is not refused before any node has joined", async () => {
    const empty = await startTestApi({ neverFits: "refuse" });
    expect((await empty.call({ method: "POST", url: "/v1/jobs", payload: large })).statusCode).toBe(201);
    await empty.close();
  });
});
