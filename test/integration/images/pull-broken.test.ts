import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { hostilePulls, isBlob, isManifest } from "../../support/hostile-pulls.ts";
import { type HostileRegistry, randomLayer } from "../../support/hostile-registry.ts";
import { until } from "../../support/poll.ts";
import { neverAborted, type TestStore } from "../../support/test-store.ts";

const MIB = 1024 * 1024;
const pulls = hostilePulls();
const { isStored, pull } = pulls;
let registry: HostileRegistry;
let store: TestStore;
let waits: number[];
beforeEach(() => {
  ({ registry, store, waits } = pulls);
});

describe("broken connections", () => {
  test("a blob goes on where its connection broke", async () => {
    const layer = await randomLayer(2 * MIB);
    registry.addImage("1", [layer]);
    let broken = 0;
    registry.misbehave = (request, response, path) => {
      if (!isBlob(path) || registry.blobs.get(path.split("/").at(-1) ?? "")?.byteLength !== layer.byteLength || broken > 0) return false;
      broken++;
      response.writeHead(200, { "content-length": layer.byteLength });
      response.write(layer.subarray(0, MIB), () => request.socket.destroy());
      return true;
    };
    const image = await pull();
    const ranges = registry.seen("GET", `/blobs/${image.layers[0]?.digest}`).map(({ headers }) => headers.range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges.slice(1).join()).toMatch(new RegExp(`^bytes=[1-9]\\d*-${layer.byteLength - 1}$`));
    expect(await isStored(image, layer)).toBe(true);
  });

  test("a server that ignores ranges is read again, and the bytes that are there are skipped", async () => {
    const layer = await randomLayer(20 * MIB);
    registry.ranges = false;
    registry.addImage("1", [layer]);
    let broken = 0;
    registry.misbehave = (request, response, path) => {
      if (!isBlob(path) || !request.headers.range || broken++ > 0) return false;
      response.writeHead(200, { "content-length": layer.byteLength });
      response.write(layer.subarray(0, 9 * MIB), () => request.socket.destroy());
      return true;
    };
    const image = await pull();
    expect(await isStored(image, layer)).toBe(true);
  });

  test("a big blob comes by several ranges and is what it should be", async () => {
    const layer = await randomLayer(40 * MIB);
    registry.addImage("1", [layer]);
    const image = await pull();
    expect(registry.seen("GET", `/blobs/${image.layers[0]?.digest}`).length).toBe(6);
    expect(await isStored(image, layer)).toBe(true);
  });

  test("what an abandoned pull had is not fetched again by the next one", async () => {
    const layer = await randomLayer(40 * MIB);
    registry.addImage("1", [layer]);
    const abort = new AbortController();
    registry.misbehave = (request) => {
      if (!request.headers.range?.startsWith(`bytes=${32 * MIB}-`)) return false;
      return !abort.signal.aborted;
    };
    const first = pull("1", { signal: abort.signal });
    const settled = first.catch((error: unknown) => error);
    const hex = (registry.manifests.get("1")?.bytes.toString() ?? "").match(/"layers".*?sha256:([a-f0-9]{64})/s)?.[1] ?? "";
    await until("all segments but one to be on disk", 60, async () => {
      const state = JSON.parse(await readFile(join(store.dataDir, "partials", `${hex}.json`), "utf8")) as { done: number[] };
      return state.done.length === 5;
    });
    abort.abort(new Error("enough"));
    await settled;
    registry.requests.length = 0;
    const image = await pull();
    const asked = registry.seen("GET", `/blobs/${image.layers[0]?.digest}`).map(({ headers }) => headers.range);
    expect(asked).toEqual([`bytes=${32 * MIB}-${40 * MIB - 1}`]);
  });

  test("a server that trickles is given up", async () => {
    registry.addImage("1", [await randomLayer(MIB)]);
    registry.misbehave = (_request, response, path) => {
      if (!isBlob(path)) return false;
      response.writeHead(200);
      const timer = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(timer));
      return true;
    };
    const slow = pull("1", { limits: { connections: 1, windowMs: 200, minBytes: 1000 } });
    await expect(slow).rejects.toMatchObject({ code: "registry_unavailable", message: expect.stringContaining("too slowly") });
  });

  test("429 is waited out as the registry asks", async () => {
    registry.addImage("1", [await randomLayer(1000)]);
    let refused = 0;
    registry.misbehave = (_request, response, path) => {
      if (!isManifest(path) || refused++ > 1) return false;
      response.writeHead(429, { "retry-after": "7" }).end();
      return true;
    };
    await pull();
    expect(waits.filter((ms) => ms >= 7000 && ms < 7010)).toHaveLength(2);
  });

  test("a registry that wants an hour's patience is told of at once", async () => {
    registry.misbehave = (_request, response, path) => isManifest(path) && !!response.writeHead(429, { "retry-after": "3600" }).end();
    await expect(pull()).rejects.toMatchObject({ code: "rate_limited" });
    expect(waits).toEqual([]);
  });
});

describe("sharing", () => {
  test("a layer that two pulls want at once is fetched once", async () => {
    const layer = await randomLayer(MIB);
    registry.addImage("1", [layer, await randomLayer(10, "one")]);
    registry.addImage("2", [layer, await randomLayer(10, "two")]);
    const [one, two] = await Promise.all([pull("1"), pull("2")]);
    expect(one.chainIds[0]).toBe(two.chainIds[0]);
    expect(registry.seen("GET", `/blobs/${one.layers[0]?.digest}`)).toHaveLength(1);
  });

  test("a pull that is given up leaves the layer to the other that wants it", async () => {
    const layer = await randomLayer(MIB);
    registry.addImage("1", [layer]);
    registry.addImage("2", [layer, await randomLayer(10, "two")]);
    let release: () => void = () => undefined;
    registry.misbehave = (_request, response, path) => {
      if (registry.blobs.get(path.split("/").at(-1) ?? "")?.byteLength !== layer.byteLength) return false;
      release = () => response.writeHead(200, { "content-length": layer.byteLength }).end(layer);
      return true;
    };
    const abort = new AbortController();
    const first = pull("1", { signal: abort.signal }).catch((error: unknown) => error);
    const second = pull("2");
    await until("both to wait for the layer", 60, () => registry.seen("GET", "/blobs/").length >= 4);
    abort.abort(new Error("gone"));
    expect(await first).toMatchObject({ message: "gone" });
    release();
    expect((await second).layers).toHaveLength(2);
  });

  test("only the layers that are not here cross the wire", async () => {
    const base = await randomLayer(MIB);
    registry.addImage("1", [base]);
    registry.addImage("2", [base, await randomLayer(10, "two")]);
    const one = await pull("1");
    registry.requests.length = 0;
    await pull("2");
    expect(registry.seen("GET", `/blobs/${one.layers[0]?.digest}`)).toEqual([]);
    expect(registry.seen("GET", "/blobs/")).toHaveLength(2);
  });

  test("prune while a pull is under way takes nothing of it", async () => {
    const base = await randomLayer(MIB);
    const top = await randomLayer(1000, "top");
    registry.addImage("1", [base, top]);
    let release: () => void = () => undefined;
    registry.misbehave = (_request, response, path) => {
      const blob = registry.blobs.get(path.split("/").at(-1) ?? "");
      if (blob?.byteLength !== top.byteLength) return false;
      release = () => response.writeHead(200, { "content-length": blob.byteLength }).end(blob);
      return true;
    };
    const pulling = pull();
    const digest = [...registry.blobs].find(([, bytes]) => bytes === base)?.[0] ?? "";
    await until("the base layer", 60, () => store.store.has([digest]));
    await until("the top layer to be asked for", 60, () => registry.seen("GET", "/blobs/").length === 3);
    await (await store.openAgain()).prune(new Set());
    release();
    const image = await pulling;
    expect(await store.store.has(image.layers.map((layer) => layer.digest))).toBe(true);
    await store.store.unpack(image, () => undefined, neverAborted());
  });
});
