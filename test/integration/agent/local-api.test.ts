import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { FastifyInstance } from "fastify";
import { Agent, request } from "undici";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LocalApiPort } from "../../../src/node/agent/local-api/port.ts";
import { createLocalApi, listenOnSocket } from "../../../src/node/agent/local-api/server.ts";
import { createSlots } from "../../../src/node/agent/slots.ts";
import type { PlanPreview } from "../../../src/node/gpu/index.ts";
import type { Image, ImageStore } from "../../../src/node/images/types.ts";
import { BerthError, type NodeFacts, systemClock } from "../../../src/shared/domain/index.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";
import { createRegistryAccess } from "../../../src/shared/oci/index.ts";
import { until } from "../../support/poll.ts";

const IMAGE = { digest: "sha256:1", references: ["docker.io/library/a:latest"], chainIds: ["sha256:c1"] } as Image;
let folder: string;
let socketPath: string;
let app: FastifyInstance;
let agent: Agent;
let calls: unknown[];
let refuseLoads: boolean;
let build: LocalApiPort["build"];
let bootstrap: LocalApiPort["bootstrap"];
let gpuPlan: (call: Parameters<LocalApiPort["gpuPlan"]>[0]) => ReturnType<LocalApiPort["gpuPlan"]>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-local-api-"));
  socketPath = join(folder, "run", "node.sock");
  calls = [];
  refuseLoads = false;
  build = async () => IMAGE;
  bootstrap = async () => IMAGE;
  app = createLocalApi({
    images: images(),
    imageTools: {} as LocalApiPort["imageTools"],
    trust: {} as LocalApiPort["trust"],
    registries: createRegistryAccess({ env: {}, clock: systemClock() }),
    engine: { list: () => [{ imageDigest: "sha256:1" }] as ReturnType<LocalApiPort["engine"]["list"]> },
    build: (call, progress, signal) => build(call, progress, signal),
    bootstrap: (call, progress, signal) => bootstrap(call, progress, signal),
    heavy: createSlots(1),
    facts: () => ({ hostname: "here" }) as NodeFacts,
    gpus: () => ({ driverVersion: null, cudaVersion: null, simulated: false, problem: null, gpus: [], pairs: [], listening: false }),
    releaseGpus: async () => true,
    gpu: () => ({ driverRoot: "/", simulated: false, hook: "/hook", problem: null }),
    gpuPlan: (call) => gpuPlan(call),
    metrics: { text: async () => "up 1\n", contentType: "text/plain" },
    log: silentLogger(),
  });
  await listenOnSocket(app, socketPath);
  agent = new Agent({ connect: { socketPath } });
});

afterEach(async () => {
  await agent.destroy();
  await app.close();
  await rm(folder, { recursive: true });
});

/** Only what these tests reach. */
function images(): ImageStore {
  const partial: Partial<ImageStore> = {
    list: async () => [IMAGE],
    async get(reference) {
      if (reference !== "a") throw new BerthError("image_not_found", `no image ${reference}`);
      return IMAGE;
    },
    async tag(source, reference) {
      calls.push(["tag", source, reference]);
      return IMAGE;
    },
    async prune(inUse) {
      calls.push(["prune", [...inUse].sort()]);
      return { freedBytes: 5 };
    },
    async load(archive, progress, _signal, options) {
      progress({ step: "load", current: 1 });
      if (refuseLoads) {
        for await (const _chunk of archive) break;
        throw new BerthError("image_invalid", "this is no archive");
      }
      calls.push(["load", await text(archive), options]);
      return [{ ...IMAGE, names: IMAGE.references }];
    },
    save: async (references) => Readable.from([`tar of ${references.join(",")}`]),
  };
  return partial as ImageStore;
}

async function call(
  method: "GET" | "POST" | "DELETE",
  path: string,
  options: { body?: string | Readable; type?: string; signal?: AbortSignal } = {},
) {
  const { body, type = "application/json", signal } = options;
  const answer = await request(`http://node${path}`, {
    method,
    dispatcher: agent,
    ...(body === undefined ? {} : { body, headers: { "content-type": type } }),
    ...(signal ? { signal } : {}),
  });
  return { status: answer.statusCode, text: await answer.body.text(), type: answer.headers["content-type"] };
}

const lines = (body: string) =>
  body
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test("the socket is for root alone", async () => {
  expect((await stat(socketPath)).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder, "run"))).mode & 0o777).toBe(0o700);
});

test("lists, inspects, tags and prunes, keeping what containers hold", async () => {
  expect(JSON.parse((await call("GET", "/v1/images")).text)).toEqual({ items: [IMAGE] });
  expect(JSON.parse((await call("GET", "/v1/images/inspect?ref=a")).text)).toEqual(IMAGE);
  await call("POST", "/v1/images/tag", { body: JSON.stringify({ source: "a", reference: "b" }) });
  await call("POST", "/v1/images/prune", { body: "{}" });
  expect(calls).toEqual([
    ["tag", "a", "b"],
    ["prune", ["sha256:1", "sha256:c1"]],
  ]);
});

test("an error is a problem with the catalogue's code and hint", async () => {
  const answer = await call("GET", "/v1/images/inspect?ref=nothing");
  expect([answer.status, answer.type]).toEqual([404, "application/problem+json; charset=utf-8"]);
  expect(JSON.parse(answer.text)).toMatchObject({ code: "image_not_found", detail: "no image nothing", retryable: false });
  expect(JSON.parse((await call("GET", "/v1/nothing")).text)).toMatchObject({ code: "route_not_found", status: 404 });
});

test("unknown fields and package names that look like options are refused with the field", async () => {
  const unknown = await call("POST", "/v1/images/bootstrap", { body: JSON.stringify({ reference: "debian:bookworm", hook: "x" }) });
  expect(JSON.parse(unknown.text)).toMatchObject({ code: "invalid_request", status: 400 });
  const option = await call("POST", "/v1/images/bootstrap", { body: JSON.stringify({ reference: "a", include: ["--setup-hook=x"] }) });
  expect(JSON.parse(option.text)).toMatchObject({ code: "invalid_request", errors: [{ field: "/body/include/0" }] });
});

test("a long request tells its progress and ends with the result", async () => {
  bootstrap = async ({ reference, include }, progress) => {
    progress({ step: "packages", detail: [reference, ...include].join(" "), current: 1, total: 2 });
    return IMAGE;
  };
  const answer = await call("POST", "/v1/images/bootstrap", {
    body: JSON.stringify({ reference: "debian:bookworm", include: ["python3-numpy"] }),
  });
  expect(answer.type).toBe("application/x-ndjson");
  expect(lines(answer.text)).toEqual([
    { step: "packages", detail: "debian:bookworm python3-numpy", current: 1, total: 2 },
    { result: IMAGE },
  ]);
});

test("a build gets the context and its options, and its failure is the last line", async () => {
  build = async ({ context, ...options }) => {
    calls.push([options, await text(context)]);
    throw new BerthError("build_failed", "RUN false failed with 1");
  };
  const path = "/v1/build?tag=x&tag=y&dockerfile=D&target=t&buildArg=A%3D1%3D2&noCache=true";
  const answer = await call("POST", path, { body: Readable.from(["the tar"]), type: "application/x-tar" });
  expect(calls).toEqual([[{ tags: ["x", "y"], dockerfile: "D", target: "t", buildArgs: { A: "1=2" }, noCache: true }, "the tar"]]);
  expect(lines(answer.text)).toMatchObject([{ error: { code: "build_failed", detail: "RUN false failed with 1" } }]);
});

test("an archive that is refused at its beginning is answered, and its sender is not cut off while it still sends", async () => {
  refuseLoads = true;
  const headers = { "content-type": "application/x-tar", connection: "close" };
  const sending = http.request({ socketPath, method: "POST", path: "/v1/images/load", headers });
  const chunk = Buffer.alloc(1 << 16);
  sending.write(chunk);
  const [answer] = (await once(sending, "response")) as [http.IncomingMessage];
  let said = "";
  answer.on("data", (text: Buffer) => (said += text.toString()));
  await until("the answer", 60, () => said.includes("this is no archive"));
  for (let count = 0; count < 100; count += 1) await new Promise<void>((sent) => sending.write(chunk, () => sent()));
  sending.end();
  await once(answer, "end");
  expect(lines(said).at(-1)).toMatchObject({ error: { code: "image_invalid" } });
});

test("loads from the body and saves to it", async () => {
  const loaded = await call("POST", "/v1/images/load", { body: Readable.from(["an archive"]), type: "application/x-tar" });
  expect(lines(loaded.text)).toEqual([{ step: "load", current: 1 }, { result: [{ ...IMAGE, names: IMAGE.references }] }]);
  await call("POST", "/v1/images/load?unpack=true", { body: Readable.from(["another"]), type: "application/x-tar" });
  expect(calls).toEqual([
    ["load", "an archive", { unpack: false }],
    ["load", "another", { unpack: true }],
  ]);
  expect(await call("GET", "/v1/images/save?ref=a&ref=b")).toMatchObject({ status: 200, text: "tar of a,b", type: "application/x-tar" });
});

test("a client that goes away aborts its work, and one build runs at a time", async () => {
  const running: string[] = [];
  bootstrap = ({ reference }, _progress, signal) => {
    running.push(reference);
    return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  const first = new AbortController();
  const second = new AbortController();
  const start = (reference: string, { signal }: AbortController) =>
    call("POST", "/v1/images/bootstrap", { body: JSON.stringify({ reference }), signal }).catch(() => undefined);
  const one = start("first", first);
  await until("the first to run", 60, () => running.length === 1);
  const two = start("second", second);
  first.abort();
  await until("the second to run", 60, () => running.length === 2);
  expect(running).toEqual(["first", "second"]);
  second.abort();
  await Promise.all([one, two]);
});

test("shows the node and its metrics", async () => {
  expect(JSON.parse((await call("GET", "/v1/node")).text)).toMatchObject({
    facts: { hostname: "here" },
    gpu: { hook: "/hook" },
    containers: [{}],
  });
  expect((await call("GET", "/metrics")).text).toBe("up 1\n");
});

test("plans an injection with one GPU where none are named, and tells why a request is not understood", async () => {
  gpuPlan = async (call) => {
    calls.push(call);
    if (call.gpus === "device=0,1") throw new BerthError("gpu_request_invalid", "write the quotes");
    return { notes: [] } as unknown as PlanPreview;
  };
  const planned = await call("POST", "/v1/gpus/plan", { body: JSON.stringify({ image: "a" }) });
  expect([planned.status, calls]).toEqual([200, [{ image: "a", gpus: "1", env: {} }]]);
  const refused = await call("POST", "/v1/gpus/plan", { body: JSON.stringify({ image: "a", gpus: "device=0,1" }) });
  expect(refused.status).toBe(422);
  expect(JSON.parse(refused.text)).toMatchObject({ code: "gpu_request_invalid", detail: "write the quotes" });
  expect((await call("POST", "/v1/gpus/plan", { body: JSON.stringify({ image: "a", privileged: true }) })).status).toBe(400);
});
