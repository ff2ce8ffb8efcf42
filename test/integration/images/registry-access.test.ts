import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/shared/domain/index.ts";
import { createRegistryAccess, type RegistryAccess } from "../../../src/shared/oci/index.ts";
import { type HostileRegistry, startHostileRegistry } from "../../support/hostile-registry.ts";
import { until } from "../../support/poll.ts";
import { neverAborted } from "../../support/test-store.ts";

let folder: string;
let registry: HostileRegistry;
let access: RegistryAccess;
let now: number;

beforeEach(async () => {
  folder = await mkdtemp("/tmp/berth-registry-access-");
  registry = await startHostileRegistry();
  registry.addImage("1", []);
  now = 0;
  const env = { PATH: `${folder}:/usr/bin:/bin`, DOCKER_CONFIG: folder, BERTH_REGISTRIES: join(folder, "registries.json") };
  access = createRegistryAccess({ env, clock: { ...systemClock(), monotonic: () => now } });
});
afterEach(async () => {
  await access.close();
  await registry.stop();
  await rm(folder, { recursive: true });
});

async function look(credential: Parameters<RegistryAccess["clientFor"]>[1] = null, signal = neverAborted()): Promise<string> {
  const client = await access.clientFor(`${registry.host}/team/app:1`, credential);
  return (await client.manifest("team/app", "1", signal)).digest;
}

function asked(): string[] {
  return registry.requests.splice(0).map(({ method, path }) => `${method} ${path}`);
}

const FIRST = ["GET /v2/", "GET /v2/team/app/manifests/1"];
const AGAIN = FIRST.slice(1);

test("an image that is looked up again within a minute costs one request; later the registry is got to know anew", async () => {
  await look();
  expect(asked()).toEqual(FIRST);
  now += 59_000;
  await look();
  expect(asked()).toEqual(AGAIN);
  now += 2_000;
  await look();
  expect(asked()).toEqual(FIRST);
});

test("another user, a new login and a changed registries.json are each a new client", async () => {
  await look();
  await look({ kind: "password", username: "ada", password: "one" });
  await look({ kind: "password", username: "ada", password: "two" });
  expect(asked()).toEqual([...FIRST, ...FIRST, ...FIRST]);
  await writeFile(join(folder, "config.json"), "{}");
  await look();
  await writeFile(join(folder, "registries.json"), '{"insecure":[]}');
  await look();
  expect(asked()).toEqual([...FIRST, ...FIRST]);
});

test("who gives up while the registry is got to know takes nobody else along", async () => {
  registry.misbehave = (_request, _response, path) => path === "/v2/" && registry.requests.length === 1;
  const impatient = new AbortController();
  const first = look(null, impatient.signal);
  await until("the first request", 60, () => registry.requests.length === 1);
  const client = await access.clientFor(`${registry.host}/team/app:1`, null);
  const second = client.manifest("team/app", "1", neverAborted());
  await setImmediate();
  impatient.abort(new Error("given up"));
  await expect(first).rejects.toThrow("given up");
  await expect(second).resolves.toMatchObject({ kind: "manifest" });
});

test("a login that the registry refuses is asked for again the next time", async () => {
  const basic = (password: string) => `Basic ${Buffer.from(`ada:${password}`).toString("base64")}`;
  registry.misbehave = ({ headers }, response) => {
    if (headers.authorization === basic("right")) return false;
    response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end();
    return true;
  };
  const login = (password: string) =>
    writeFile(join(folder, "docker-credential-test"), `#!/bin/sh\necho '{"Username":"ada","Secret":"${password}"}'\n`, { mode: 0o755 });
  await writeFile(join(folder, "config.json"), JSON.stringify({ credHelpers: { [registry.host]: "test" } }));
  await login("wrong");
  await expect(look()).rejects.toThrow(expect.objectContaining({ code: "registry_denied" }));
  await login("right");
  await expect(look()).resolves.toMatch(/^sha256:/);
});
