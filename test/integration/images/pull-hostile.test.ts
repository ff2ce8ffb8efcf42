import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Image } from "../../../src/node/images/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import {
  type Credential,
  createRegistryClient,
  createTransport,
  MEDIA_TYPES,
  type RegistryClient,
  type RegistryConfig,
  type Transport,
} from "../../../src/shared/oci/index.ts";
import { type HostileRegistry, imageManifest, randomLayer, startHostileRegistry } from "../../support/hostile-registry.ts";
import { until } from "../../support/poll.ts";
import { neverAborted, openTestStore, type TestStore } from "../../support/test-store.ts";

const MIB = 1024 * 1024;
const LIMITS = { connections: 4, windowMs: 20_000, minBytes: 20_000 };
const ADA: Credential = { kind: "password", username: "ada", password: "s3cret" };

let registry: HostileRegistry;
let transport: Transport;
let store: TestStore;
let waits: number[];

beforeEach(async () => {
  registry = await startHostileRegistry();
  transport = createTransport({ env: {}, certificateFolders: [] });
  store = await openTestStore();
  waits = [];
});
afterEach(async () => {
  await transport.close();
  await store.remove();
  await registry.stop();
});

function clientOf(credential: Credential | null = null, config: RegistryConfig = {}): RegistryClient {
  const clock = { ...systemClock(), sleep: async (ms: number) => void waits.push(ms) };
  return createRegistryClient({
    registry: registry.host,
    config,
    transport,
    clock: systemClock(),
    credentialFor: async () => credential,
    retry: { clock, random: () => 0.5, attempts: 4, baseMs: 1, longestMs: 1 },
  });
}

function pull(tag = "1", options: { client?: RegistryClient; limits?: typeof LIMITS; signal?: AbortSignal } = {}) {
  const { client = clientOf(), limits = LIMITS, signal = neverAborted() } = options;
  return store.store.pull({ reference: `${registry.host}/app:${tag}`, platform: null, client, limits }, () => undefined, signal);
}

/** The first layer's blob, byte by byte. (`toEqual` takes minutes for megabytes.) */
async function isStored(image: Image, layer: Buffer): Promise<boolean> {
  const blob = await readFile(join(store.dataDir, "blobs", "sha256", (image.layers[0]?.digest ?? "").slice(7)));
  return blob.equals(layer);
}

const isBlob = (path: string, digest?: string) => path.includes(`/blobs/${digest ?? ""}`);
const isManifest = (path: string) => path.includes("/manifests/");

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
    await until("all segments but one to be on disk", 20, async () => {
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

describe("lies", () => {
  test("a blob with other bytes is refused after a second try, and not kept", async () => {
    const layer = await randomLayer(1000);
    registry.addImage("1", [layer]);
    const digest = [...registry.blobs].find(([, bytes]) => bytes === layer)?.[0] ?? "";
    registry.blobs.set(digest, Buffer.alloc(layer.byteLength));
    await expect(pull()).rejects.toMatchObject({ code: "digest_mismatch" });
    expect(registry.seen("GET", `/blobs/${digest}`)).toHaveLength(2);
    expect(await store.store.has([digest])).toBe(false);
    expect(await store.store.list()).toEqual([]);
  });

  test.each([
    ["longer", 1],
    ["shorter", -1],
  ])("a blob of %s size is refused", async (_how, change) => {
    const layer = await randomLayer(1000);
    registry.addImage("1", [layer]);
    const digest = [...registry.blobs].find(([, bytes]) => bytes === layer)?.[0] ?? "";
    registry.blobs.set(digest, change > 0 ? Buffer.concat([layer, layer]) : layer.subarray(0, 500));
    await expect(pull()).rejects.toMatchObject({ code: "digest_mismatch" });
  });

  test("a manifest that is not what was asked for by digest is refused", async () => {
    const digest = registry.addImage("1", [await randomLayer(10)]);
    registry.manifests.set(digest, { bytes: Buffer.from("{}"), type: MEDIA_TYPES.manifest });
    const request = { reference: `${registry.host}/app@${digest}`, platform: null, client: clientOf() };
    await expect(store.store.pull(request, () => undefined, neverAborted())).rejects.toMatchObject({ code: "digest_mismatch" });
  });

  test("a web page, a huge manifest and something that is not JSON are refused", async () => {
    registry.addManifest(Buffer.from("<html>log in</html>"), "text/html; charset=utf-8", "page");
    registry.addManifest(Buffer.alloc(5 * MIB, "x"), MEDIA_TYPES.manifest, "huge");
    registry.addManifest(Buffer.from("[1]"), MEDIA_TYPES.manifest, "list");
    await expect(pull("page")).rejects.toThrow(/web page/);
    await expect(pull("huge")).rejects.toThrow(/larger than 4194304 bytes/);
    await expect(pull("list")).rejects.toThrow(/not a JSON object/);
  });

  test("a huge manifest without a length is cut off", async () => {
    registry.misbehave = (_request, response, path) => {
      if (!isManifest(path)) return false;
      response.writeHead(200, { "content-type": MEDIA_TYPES.manifest });
      const more = () => void response.write(Buffer.alloc(MIB, "x"), () => !response.destroyed && more());
      more();
      return true;
    };
    await expect(pull()).rejects.toThrow(/larger than 4194304 bytes/);
  });

  test("schema 1 is refused by name", async () => {
    const type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    registry.addManifest({ schemaVersion: 1, name: "app", fsLayers: [] }, type, "1");
    await expect(pull()).rejects.toThrow(/schema 1/);
  });

  test("a document that is a manifest to one reader and an index to another is refused", async () => {
    const layer = await randomLayer(10);
    registry.addManifest(imageManifest(registry, [layer]), MEDIA_TYPES.index, "header");
    registry.addManifest({ ...imageManifest(registry, [layer]), manifests: [] }, MEDIA_TYPES.manifest, "both");
    await expect(pull("header")).rejects.toMatchObject({ code: "image_invalid" });
    await expect(pull("both")).rejects.toMatchObject({ code: "image_invalid" });
  });

  test("a layer that climbs out of its root is refused, and the image gets no name", async () => {
    registry.addImage("1", [await randomLayer(10), await randomLayer(10, "../../escaped")]);
    await expect(pull()).rejects.toMatchObject({ code: "layer_invalid" });
    expect(await store.store.list()).toEqual([]);
    await store.store.prune(new Set());
    expect(await readdir(join(store.dataDir, "blobs", "sha256"))).toEqual([]);
    expect(await readdir(join(store.dataDir, "layers"))).toEqual([]);
  });

  test("a config that names other layers is refused", async () => {
    const manifest = imageManifest(registry, [await randomLayer(10)]);
    const other = imageManifest(registry, [await randomLayer(10, "other")]);
    registry.addManifest({ ...manifest, config: other.config }, MEDIA_TYPES.manifest, "1");
    await expect(pull()).rejects.toMatchObject({ code: "digest_mismatch" });
    expect(await store.store.list()).toEqual([]);
  });

  test("indexes in indexes end somewhere", async () => {
    const entry = (digest: string) => ({ mediaType: MEDIA_TYPES.index, digest, size: 1 });
    let digest = registry.addImage("image", [await randomLayer(10)]);
    for (let depth = 0; depth < 4; depth++) {
      const document = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [entry(digest)] };
      digest = registry.addManifest(document, MEDIA_TYPES.index, "deep");
    }
    await expect(pull("deep")).rejects.toThrow(/nested too deep/);
  });

  test("a layer's own URLs are never fetched", async () => {
    const other = await startHostileRegistry();
    try {
      const manifest = imageManifest(registry, [await randomLayer(10)]);
      const urls = [`http://${other.host}/layer`];
      registry.addManifest({ ...manifest, layers: manifest.layers.map((layer) => ({ ...layer, urls })) }, MEDIA_TYPES.manifest, "1");
      const foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
      const layers = manifest.layers.map((layer) => ({ ...layer, mediaType: foreign, urls }));
      registry.addManifest({ ...manifest, layers }, MEDIA_TYPES.manifest, "foreign");
      await pull();
      await expect(pull("foreign")).rejects.toMatchObject({ code: "image_invalid" });
      expect(other.requests).toEqual([]);
    } finally {
      await other.stop();
    }
  });
});

describe("credentials", () => {
  const wantsBasic: HostileRegistry["misbehave"] = (request, response) => {
    if (request.headers.authorization) return false;
    response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    return true;
  };

  test("a redirect to another host carries none, and that host's challenge gets none", async () => {
    const other = await startHostileRegistry();
    try {
      const layer = await randomLayer(1000);
      registry.addImage("1", [layer]);
      other.addBlob(layer);
      registry.misbehave = (request, response, path) => {
        if (wantsBasic(request, response, path)) return true;
        if (!isBlob(path)) return false;
        const known = other.blobs.has(path.split("/").at(-1) ?? "");
        if (known) response.writeHead(307, { location: `http://${other.host}${path}` }).end();
        return known;
      };
      await pull("1", { client: clientOf(ADA) });
      expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);

      await store.store.remove(`${registry.host}/app:1`);
      await store.store.prune(new Set());
      other.misbehave = wantsBasic;
      await expect(pull("1", { client: clientOf(ADA) })).rejects.toMatchObject({ code: "registry_denied" });
      expect(other.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    } finally {
      await other.stop();
    }
  });

  test.each(["file:///etc/passwd", "http://169.254.169.254/latest/meta-data", "http://user:pw@127.0.0.1/", "gopher://x/"])(
    "a redirect to %s is not followed",
    async (location) => {
      registry.addImage("1", [await randomLayer(10)]);
      registry.misbehave = (_request, response, path) => isBlob(path) && !!response.writeHead(302, { location }).end();
      await expect(pull()).rejects.toMatchObject({ code: "registry_error" });
    },
  );

  test("a redirect that never ends is left", async () => {
    registry.misbehave = (_request, response, path) => isManifest(path) && !!response.writeHead(302, { location: path }).end();
    await expect(pull()).rejects.toThrow(/more than 5 times/);
  });

  /** A registry that wants a token of `realm`, and what the token service is asked. */
  function wantToken(realm: string): HostileRegistry["misbehave"] {
    return (request, response, path) => {
      if (path.startsWith("/token")) {
        response.end(JSON.stringify({ token: `t${registry.seen("GET", "/token").length}`, expires_in: 300 }));
        return true;
      }
      if (request.headers.authorization?.startsWith("Bearer t") && !(isBlob(path) && request.headers.authorization === "Bearer t1"))
        return false;
      const challenge = `Bearer realm="${realm}",service="hostile",scope="repository:app:pull"`;
      response.writeHead(401, { "www-authenticate": challenge }).end();
      return true;
    };
  }

  test("a token is asked for with the scope and the login, and asked for again when it is refused", async () => {
    registry.addImage("1", [await randomLayer(10)]);
    registry.misbehave = wantToken(`http://${registry.host}/token`);
    await pull("1", { client: clientOf(ADA) });
    const asked = registry.seen("GET", "/token");
    expect(asked[0]?.path).toBe("/token?service=hostile&scope=repository%3Aapp%3Apull&account=ada");
    expect(asked[0]?.headers.authorization).toBe(`Basic ${Buffer.from("ada:s3cret").toString("base64")}`);
    expect(asked.length).toBeGreaterThan(1);
    const others = registry.requests.filter(({ path }) => !path.startsWith("/token"));
    expect(others.every(({ headers }) => !headers.authorization?.startsWith("Basic"))).toBe(true);
  });

  test("an anonymous token is asked for without a login", async () => {
    registry.addImage("1", [await randomLayer(10)]);
    registry.misbehave = wantToken(`http://${registry.host}/token`);
    await pull();
    expect(registry.seen("GET", "/token")[0]?.headers.authorization).toBeUndefined();
  });

  test("a token service on a foreign host gets the login only when the operator said so", async () => {
    const other = await startHostileRegistry();
    try {
      registry.addImage("1", [await randomLayer(10)]);
      const foreign = other.host.replace("127.0.0.1", "localhost");
      registry.misbehave = wantToken(`http://${foreign}/token`);
      await expect(pull("1", { client: clientOf(ADA) })).rejects.toMatchObject({ code: "registry_denied" });
      expect(other.requests).toEqual([]);
      other.misbehave = (_request, response) => !!response.end(JSON.stringify({ access_token: "t2" }));
      await pull("1", { client: clientOf(ADA, { realms: { [registry.host]: ["localhost"] } }) });
      expect(other.requests.length).toBeGreaterThan(0);
    } finally {
      await other.stop();
    }
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
    await until("both to wait for the layer", 20, () => registry.seen("GET", "/blobs/").length >= 4);
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
    await until("the base layer", 20, () => store.store.has([digest]));
    await until("the top layer to be asked for", 20, () => registry.seen("GET", "/blobs/").length === 3);
    await (await store.openAgain()).prune(new Set());
    release();
    const image = await pulling;
    expect(await store.store.has(image.layers.map((layer) => layer.digest))).toBe(true);
    await store.store.unpack(image, () => undefined, neverAborted());
  });
});
