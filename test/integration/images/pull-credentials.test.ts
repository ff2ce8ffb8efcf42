import { beforeEach, describe, expect, test } from "vitest";
import type { Credential } from "../../../src/shared/oci/index.ts";
import { hostilePulls, isBlob, isManifest } from "../../support/hostile-pulls.ts";
import { type HostileRegistry, randomLayer, startHostileRegistry } from "../../support/hostile-registry.ts";
import type { TestStore } from "../../support/test-store.ts";

const ADA: Credential = { kind: "password", username: "ada", password: "s3cret" };
const pulls = hostilePulls();
const { clientOf, pull } = pulls;
let registry: HostileRegistry;
let store: TestStore;
beforeEach(() => {
  ({ registry, store } = pulls);
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
