import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadNative } from "../../../src/node/platform/index.ts";
import { startRegistry } from "../../../src/node/registry/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";
import { ask, basic, bearer, guardedRegistries, push } from "../../support/guarded-registry.ts";
import { randomBlob, sha256 } from "../../support/registry-server.ts";

const { guarded, open, benchOf } = guardedRegistries();

test("without a token /v2/ is 401 and names the token service", async () => {
  const { bench, registry } = await guarded();
  const answer = await bench.send("GET", "/v2/");
  expect([answer.status, answer.json().errors[0]?.code]).toEqual([401, "UNAUTHORIZED"]);
  expect(answer.headers["www-authenticate"]).toBe(`Bearer realm="${registry.url}/v2/token",service="berth-registry"`);
});

test("a push is asked for the scope that it needs", async () => {
  const { bench } = await guarded();
  const answer = await push(bench, {}, "a/x");
  expect(answer.status).toBe(401);
  expect(answer.headers["www-authenticate"]).toContain('scope="repository:a/x:pull,push"');
});

test("a Host that is no host does not get into the challenge", async () => {
  const { bench } = await guarded();
  const answer = await bench.send("GET", "/v2/", { headers: { host: 'evil",realm="http://x' } });
  expect(String(answer.headers["www-authenticate"] ?? "")).not.toContain("evil");
});

test("a user pushes and pulls where the grants say", async () => {
  const { bench } = await guarded();
  const bytes = randomBlob();
  const token = await bearer(bench, "ann", "a secret", "repository:a/x:pull,push");
  expect((await push(bench, token, "a/x", bytes)).status).toBe(201);
  expect((await bench.send("GET", `/v2/a/x/blobs/${sha256(bytes)}`, { headers: token })).status).toBe(200);
});

test("a token for a/x is none for b/y, nor for a/xx", async () => {
  const { bench } = await guarded();
  const token = await bearer(bench, "root", "r", "repository:a/x:pull,push");
  for (const repository of ["b/y", "a/xx", "a"]) {
    const answer = await push(bench, token, repository);
    expect([answer.status, answer.json().errors[0]?.code], repository).toEqual([401, "DENIED"]);
  }
});

test("a scope that the grants do not allow is left out of the token", async () => {
  const { bench } = await guarded();
  const token = await bearer(
    bench,
    "ann",
    "a secret",
    "repository:b/y:pull,push",
    "repository:base/cuda:pull,push",
    "repository:a-b/x:pull",
  );
  for (const repository of ["b/y", "base/cuda", "a-b/x"]) expect((await push(bench, token, repository)).status, repository).toBe(401);
  expect((await bench.send("GET", "/v2/base/cuda/tags/list", { headers: token })).status).toBe(404);
});

test("a token to pull does not push, one to push does not delete", async () => {
  const { bench } = await guarded();
  const bytes = randomBlob();
  const all = await bearer(bench, "ann", "a secret", "repository:a/x:pull,push");
  await push(bench, all, "a/x", bytes);
  const pull = await bearer(bench, "ann", "a secret", "repository:a/x:pull");
  expect((await push(bench, pull, "a/x")).status).toBe(401);
  expect((await bench.send("DELETE", `/v2/a/x/blobs/${sha256(bytes)}`, { headers: all })).status).toBe(401);
});

test("another's upload cannot be read, filled or cancelled through one's own repository", async () => {
  const { bench } = await guarded();
  const bob = await bearer(bench, "bob", "b secret", "repository:b/y:pull,push");
  const location = String((await bench.send("POST", "/v2/b/y/blobs/uploads/", { headers: bob })).headers["location"]);
  const ann = await bearer(bench, "ann", "a secret", "repository:a/x:pull,push");
  for (const method of ["GET", "PATCH", "DELETE"]) {
    expect((await bench.send(method, location, { headers: ann })).status).toBe(401);
    expect((await bench.send(method, location.replace("b/y", "a/x"), { headers: ann })).status).toBe(404);
  }
});

test("wrong passwords and unknown users get no token", async () => {
  const { bench } = await guarded();
  for (const credentials of [
    basic("ann", "wrong"),
    basic("nobody", "a secret"),
    basic("ann", ""),
    "Basic !!!",
    "Basic ",
    "Bearer x",
    basic("__proto__", "x"),
  ])
    expect((await ask(bench, credentials, "repository:a/x:pull")).status, credentials).toBe(401);
});

test("without anonymous pull nobody gets a token for nothing; with it everybody may pull, and only that", async () => {
  const closed = await guarded();
  expect((await ask(closed.bench, null, "repository:a/x:pull")).status).toBe(401);
  const { bench } = await guarded({ anonymousPull: true });
  const bytes = randomBlob();
  await push(bench, await bearer(bench, "ann", "a secret", "repository:a/x:pull,push"), "a/x", bytes);
  const anonymous = { authorization: `Bearer ${String((await ask(bench, null, "repository:a/x:pull,push")).json()["token"])}` };
  expect((await bench.send("GET", `/v2/a/x/blobs/${sha256(bytes)}`)).status).toBe(200);
  expect((await bench.send("GET", `/v2/a/x/blobs/${sha256(bytes)}`, { headers: anonymous })).status).toBe(200);
  expect((await push(bench, anonymous, "a/x")).status).toBe(401);
  expect((await bench.send("GET", "/v2/_catalog", { headers: anonymous })).status).toBe(401);
});

test("_catalog is for who may read everything", async () => {
  const { bench } = await guarded();
  const list = async (name: string, password: string) =>
    (await bench.send("GET", "/v2/_catalog", { headers: await bearer(bench, name, password, "registry:catalog:*") })).status;
  expect([await list("ann", "a secret"), await list("root", "r")]).toEqual([401, 200]);
});

test.each([
  ["cut", (token: string) => token.slice(0, -1)],
  ["with another signature", (token: string) => `${token.slice(0, -4)}AAAA`],
  ["without one", (token: string) => token.split(".").slice(0, 2).join(".")],
  [
    "with other claims",
    (token: string) =>
      token.replace(/\.[^.]+\./, `.${Buffer.from('{"aud":"registry","sub":"x","exp":9999999999,"access":[]}').toString("base64url")}.`),
  ],
  ["that is an unsigned JWT", () => "eyJhbGciOiJub25lIn0.eyJhdWQiOiJyZWdpc3RyeSJ9."],
  ["of a megabyte", () => "a".repeat(15_000)],
])("a token %s is none", async (_what, change) => {
  const { bench } = await guarded();
  const { authorization = "" } = await bearer(bench, "root", "r");
  const answer = await bench
    .send("GET", "/v2/", { headers: { authorization: `Bearer ${change(authorization.slice(7))}` } })
    .catch(() => ({ status: 431 }));
  expect([401, 431]).toContain(answer.status);
});

test("a token is over after five minutes", async () => {
  let offset = 0;
  const system = systemClock();
  const { bench } = await guarded({}, { ...system, now: () => system.now() + offset });
  const token = await bearer(bench, "root", "r");
  expect((await bench.send("GET", "/v2/", { headers: token })).status).toBe(200);
  offset = 301_000;
  expect((await bench.send("GET", "/v2/", { headers: token })).status).toBe(401);
});

test("a token of one registry is none for another", async () => {
  const [one, two] = [await guarded(), await guarded()];
  expect((await two.bench.send("GET", "/v2/", { headers: await bearer(one.bench, "root", "r") })).status).toBe(401);
});

test("tokens outlive a restart, as their key is on disk with mode 0600", async () => {
  const { registry, bench } = await guarded();
  const token = await bearer(bench, "root", "r");
  await registry.restart();
  expect((await benchOf(registry).send("GET", "/v2/", { headers: token })).status).toBe(200);
  expect((await stat(join(registry.dataDir, "registry/token-key"))).mode & 0o777).toBe(0o600);
});

test("POST gives a token for the password grant (OAuth 2)", async () => {
  const { bench } = await guarded();
  const form = new URLSearchParams({
    grant_type: "password",
    username: "ann",
    password: "a secret",
    service: "berth-registry",
    scope: "repository:a/x:pull",
  });
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const answer = await bench.send("POST", "/v2/token", { headers, body: form.toString() });
  expect([answer.status, answer.json()["expires_in"]]).toEqual([200, 300]);
  expect((await bench.send("POST", "/v2/token", { headers, body: "grant_type=refresh_token" })).status).toBe(400);
});

test("a token of the Berth API is the password of the user berth", async () => {
  const api = createServer((request, response) =>
    response.writeHead(request.headers.authorization === "Bearer good" ? 200 : 401).end("{}"),
  );
  await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
  const { bench } = await guarded({ apiUrl: `http://127.0.0.1:${(api.address() as AddressInfo).port}` });
  expect((await push(bench, await bearer(bench, "berth", "good", "repository:any/thing:pull,push"), "any/thing")).status).toBe(201);
  expect((await ask(bench, basic("berth", "bad"))).status).toBe(401);
  await new Promise((resolve) => api.close(resolve));
  expect((await ask(bench, basic("berth", "good"))).status, "an API that is away is a no").toBe(401);
});

test("read-only refuses every write with 405, push-disabled every push, and delete: false every delete", async () => {
  for (const [config, post, del] of [
    [{ mode: "read-only" }, 405, 405],
    [{ mode: "push-disabled" }, 405, 404],
    [{ delete: false }, 202, 405],
  ] as const) {
    const bench = benchOf(await open({ config }));
    expect((await bench.send("POST", "/v2/a/x/blobs/uploads/")).status).toBe(post);
    for (const path of [`blobs/${sha256("x")}`, `manifests/${sha256("x")}`, "manifests/tag"]) {
      const answer = await bench.send("DELETE", `/v2/a/x/${path}`);
      expect([answer.status, answer.json().errors[0]?.code === "UNSUPPORTED"]).toEqual([del, del === 405]);
    }
  }
});

test("off loopback the registry asks for tokens unless it is told not to", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "berth-registry-open-"));
  const { createImageStore } = await import("../../../src/node/images/index.ts");
  const parts = { dataDir, native: loadNative(), clock: systemClock() };
  const store = await createImageStore(parts);
  const registry = await startRegistry({ ...parts, listen: { host: "0.0.0.0", port: 0 }, log: silentLogger() });
  expect((await fetch(`http://127.0.0.1:${registry.port}/v2/`)).status).toBe(401);
  await registry.close();
  await store.close();
  await rm(dataDir, { recursive: true });
});

test.each(['{"auth":"nnone"}', '{"atuh":"token"}', "{", "[]", '{"publicUrl":"javascript:1"}'])(
  "config.json %s is refused at the start",
  async (text) => {
    const registry = await open();
    await writeFile(join(registry.dataDir, "registry/config.json"), text);
    await expect(registry.restart()).rejects.toMatchObject({ code: "invalid_request" });
    await writeFile(join(registry.dataDir, "registry/config.json"), "{}");
    await registry.restart();
  },
);

test("the users file holds no password", async () => {
  const { registry } = await guarded();
  expect(await readFile(join(registry.dataDir, "registry/users"), "utf8")).not.toContain("secret");
});
