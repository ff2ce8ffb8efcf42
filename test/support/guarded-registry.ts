import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { userLine } from "../../src/node/registry/index.ts";
import type { Clock } from "../../src/shared/domain/index.ts";
import { type Answer, Bench, openPool } from "../contract/registry/harness.ts";
import { openTestRegistry, randomBlob, sha256, type TestRegistry } from "./registry-server.ts";

/** Opens registries (`guarded`: that ask for tokens, of the users ann, bob and root); each is gone after its test. */
export function guardedRegistries() {
  let users = "";
  const opened: TestRegistry[] = [];
  const pools: ReturnType<typeof openPool>[] = [];

  beforeAll(async () => {
    users = `# name:scrypt:salt:hash grants\n${(await Promise.all([userLine("ann", "a secret", ["a/*=pull,push,delete", "base/cuda=pull"]), userLine("bob", "b secret", ["b/*=pull,push"]), userLine("root", "r", ["*=pull,push,delete"])])).join("\n")}\n`;
  });
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.destroy();
    for (const registry of opened.splice(0)) await registry.remove();
  });
  afterAll(() => expect(opened).toEqual([]));

  const benchOf = ({ url }: TestRegistry): Bench => {
    const pool = openPool(url);
    pools.push(pool);
    return new Bench(pool, 0);
  };
  const open = async (options: Parameters<typeof openTestRegistry>[0] = {}): Promise<TestRegistry> => {
    const registry = await openTestRegistry(options);
    opened.push(registry);
    return registry;
  };
  const guarded = async (config: object = {}, clock?: Clock): Promise<{ registry: TestRegistry; bench: Bench }> => {
    const registry = await open({ config: { auth: "token", ...config }, users, ...(clock === undefined ? {} : { clock }) });
    return { registry, bench: benchOf(registry) };
  };
  return { guarded, open, benchOf };
}

export const basic = (name: string, password: string) => `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;

export function ask(bench: Bench, credentials: string | null, ...scopes: string[]): Promise<Answer> {
  const query = new URLSearchParams(scopes.map((scope): [string, string] => ["scope", scope]));
  return bench.send("GET", `/v2/token?service=berth-registry&${query}`, {
    headers: credentials === null ? {} : { authorization: credentials },
  });
}

export async function bearer(bench: Bench, name: string, password: string, ...scopes: string[]): Promise<Record<string, string>> {
  return { authorization: `Bearer ${String((await ask(bench, basic(name, password), ...scopes)).json()["token"])}` };
}

export async function push(bench: Bench, headers: Record<string, string>, repository: string, bytes = randomBlob()): Promise<Answer> {
  return bench.send("POST", `/v2/${repository}/blobs/uploads/?digest=${sha256(bytes)}`, { headers, body: bytes });
}
