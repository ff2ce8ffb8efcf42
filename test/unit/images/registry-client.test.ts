import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createBlobTracker } from "../../../src/node/images/pull/blob-tracker.ts";
import { createCredentialStore } from "../../../src/shared/credentials/index.ts";
import {
  choosePlatform,
  createTransport,
  MEDIA_TYPES,
  namesRegistry,
  parsePlatform,
  parseRegistryConfig,
} from "../../../src/shared/oci/index.ts";
import { retryAfterMs } from "../../../src/shared/oci/registry/answers.ts";
import { tokenServiceOf } from "../../../src/shared/oci/registry/authorizer.ts";
import { chooseChallenge, parseChallenges } from "../../../src/shared/oci/registry/challenge.ts";
import { redirectTarget } from "../../../src/shared/oci/registry/follow-redirects.ts";
import { hostnameOf, isLinkLocalAddress, isLoopbackHost, listNamesHost } from "../../../src/shared/oci/registry/hosts.ts";
import { proxyFor } from "../../../src/shared/oci/registry/proxy.ts";
import { endpointsOf, mayAuthenticateAt } from "../../../src/shared/oci/registry/registry-config.ts";
import { retryDelayMs } from "../../../src/shared/oci/registry/retries.ts";

describe("challenges", () => {
  test("several in one header are told apart, with commas in quotes", () => {
    const header = 'Basic realm="a, b", Bearer realm="https://auth.example/token",service=reg,scope="repository:x:pull,push"';
    expect(parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])).toEqual([
      ["basic", { realm: "a, b" }],
      ["bearer", { realm: "https://auth.example/token", service: "reg", scope: "repository:x:pull,push" }],
    ]);
    expect(chooseChallenge(header)?.scheme).toBe("bearer");
  });

  test("nonsense of any length is read in no time", () => {
    for (const text of ['Bearer realm="', "Bearer ".repeat(5000), `Bearer a=${"\\".repeat(9000)}`, ",".repeat(9000)]) {
      expect(parseChallenges(text).length).toBeLessThan(5000);
    }
    expect(chooseChallenge("Negotiate abc")).toBeNull();
  });
});

describe("hosts", () => {
  test("loopback and link-local addresses are known in every spelling", () => {
    for (const host of ["localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]) expect(isLoopbackHost(host)).toBe(true);
    for (const host of ["localhost.example.org", "10.0.0.1", "128.0.0.1"]) expect(isLoopbackHost(host)).toBe(false);
    for (const host of ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"]) expect(isLinkLocalAddress(host)).toBe(true);
    expect(hostnameOf("[fe80::1]:5000")).toBe("fe80::1");
    expect(hostnameOf("Registry.Example:5000")).toBe("registry.example");
  });

  test("NO_PROXY names hosts, suffixes and ranges", () => {
    const env = { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "internal.example, .lab, 10.0.0.0/8, exact:5000" };
    const proxy = (url: string) => proxyFor(new URL(url), env);
    expect(proxy("https://ghcr.io/")).toBe("http://proxy:3128");
    expect(proxy("http://ghcr.io/")).toBeNull();
    for (const url of ["https://internal.example", "https://a.internal.example", "https://x.lab", "https://10.1.2.3", "https://exact:5000"])
      expect(proxy(url)).toBeNull();
    expect(proxy("https://exact:5001")).toBe("http://proxy:3128");
    expect(proxy("https://localhost:5000")).toBeNull();
    expect(proxyFor(new URL("http://x/"), { HTTP_PROXY: "p:1" })).toBe("http://p:1");
    expect(proxyFor(new URL("http://x/"), { HTTP_PROXY: "p:1", REQUEST_METHOD: "GET" })).toBeNull();
  });

  test("an insecure list takes no subdomains that it does not name", () => {
    expect(listNamesHost(["registry.example"], "a.registry.example", false)).toBe(false);
    expect(listNamesHost([".registry.example"], "a.registry.example", false)).toBe(true);
    expect(listNamesHost(["not/a/range"], "10.0.0.1", false)).toBe(false);
  });
});

describe("registries.json", () => {
  test("mirrors come first, the registry last; only the loopback and listed hosts may be insecure", () => {
    const config = parseRegistryConfig('{"mirrors":{"docker.io":["https://mirror.example/hub"]},"insecure":["old.example:5000"]}', "f");
    expect(endpointsOf(config, "docker.io").map(({ urls }) => urls.map(String))).toEqual([
      ["https://mirror.example/hub"],
      ["https://registry-1.docker.io/"],
    ]);
    expect(endpointsOf(config, "old.example:5000")[0]?.urls.map(String)).toEqual(["https://old.example:5000/", "http://old.example:5000/"]);
    expect(endpointsOf(config, "127.0.0.1:5000")[0]?.insecure).toBe(true);
    expect(endpointsOf(config, "ghcr.io")[0]?.urls.map(String)).toEqual(["https://ghcr.io/"]);
  });

  test("what is wrong with it is named", () => {
    expect(() => parseRegistryConfig("{", "/etc/x.json")).toThrow(/\/etc\/x.json is not JSON/);
    expect(() => parseRegistryConfig('{"mirror":{}}', "/etc/x.json")).toThrow(/\/etc\/x.json is not valid/);
    expect(() => endpointsOf({ mirrors: { "docker.io": ["https://u:p@m.example"] } }, "docker.io")).toThrow(/mirror/);
  });

  test.each([
    ["https://registry-1.docker.io", "https://auth.docker.io/token", true],
    ["https://registry.gitlab.com", "https://gitlab.com/jwt/auth", true],
    ["https://ghcr.io", "https://ghcr.io/token", true],
    ["https://ghcr.io", "https://evil.io/token", false],
    ["https://registry.example.org", "https://auth.example.com/token", false],
    ["https://registry.example.org", "http://registry.example.org/token", false],
    ["https://10.0.0.1", "https://9.0.0.1/token", false],
    ["https://registry.example.org", "https://u:p@registry.example.org/", false],
    ["https://registry.example.org", "https://evilexample.org/", false],
    ["http://127.0.0.1:5000", "http://127.0.0.1:6000/token", true],
  ])("the login of %s goes to %s: %s", (registry, realm, expected) => {
    expect(mayAuthenticateAt({}, new URL(registry), new URL(realm))).toBe(expected);
  });
});

test("a token service is never this machine's own, nor a metadata service, also without a login", () => {
  const from = (registry: string, realm: string) => () =>
    tokenServiceOf({ config: {}, registry: new URL(registry), credential: null }, { parameters: new Map([["realm", realm]]) });
  expect(from("https://registry.example", "https://auth.other.example/token")().href).toBe("https://auth.other.example/token");
  expect(from("http://127.0.0.1:5000", "http://127.0.0.1:5001/token")().port).toBe("5001");
  for (const realm of [
    "https://169.254.0.9/",
    "https://[fe80::1]/",
    "https://[::ffff:169.254.0.9]/",
    "https://localhost:8470/",
    "https://127.1/",
  ])
    expect(from("https://registry.example", realm)).toThrow(/names the token service https:/);
  expect(from("http://127.0.0.1:5000", "http://169.254.0.9/latest")).toThrow("link-local addresses are not asked");
});

test("a link-local address is asked nothing, whoever names it", async () => {
  const transport = createTransport({ env: {}, certificateFolders: [] });
  try {
    const request = { method: "GET" as const, url: new URL("http://[fe80::1]/v2/"), headers: {} };
    await expect(transport.send(request, true, new AbortController().signal)).rejects.toMatchObject({
      code: "registry_unavailable",
      message: "[fe80::1] is a link-local address: no registry is asked there",
    });
  } finally {
    await transport.close();
  }
});

test("redirects to places of no registry are refused, and none leads from the net to this machine", () => {
  const from = new URL("https://registry.example/v2/x");
  const to = (location: string) => () => redirectTarget({ headers: { location }, url: from }, from);
  expect(to("/v2/y")().href).toBe("https://registry.example/v2/y");
  expect(to("https://cdn.example/b?sig=1")().href).toBe("https://cdn.example/b?sig=1");
  for (const bad of [
    "http://registry.example/v2/y",
    "https://127.0.0.1/x",
    "https://[::1]/x",
    "https://[::ffff:169.254.169.254]/",
    "ftp://x/",
    "",
  ])
    expect(to(bad)).toThrow(/redirects to/);
  expect(to("ftp://x/?sig=secret")).not.toThrow(/secret/);
});

test("waits grow with jitter, obey Retry-After, and refuse an hour", () => {
  const policy = { random: () => 0.5, baseMs: 100, longestMs: 1000 };
  expect([1, 2, 3, 9].map((failures) => retryDelayMs(policy, failures, null))).toEqual([75, 150, 300, 750]);
  expect(retryDelayMs(policy, 1, 2000)).toBe(2050);
  expect(retryDelayMs(policy, 1, 3_600_000)).toBeNull();
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(retryAfterMs("12", now)).toBe(12_000);
  expect(retryAfterMs("Thu, 01 Jan 2026 00:00:30 GMT", now)).toBe(30_000);
  expect(retryAfterMs("soon", now)).toBeNull();
});

test("an index gives the entry of the platform, and says which there are when there is none", () => {
  const entry = (architecture: string, variant: string | undefined, digit: string) => ({
    mediaType: MEDIA_TYPES.manifest,
    digest: `sha256:${digit.repeat(64)}`,
    size: 1,
    platform: { os: architecture === "unknown" ? "unknown" : "linux", architecture, ...(variant && { variant }) },
  });
  const manifests = [entry("unknown", undefined, "0"), entry("arm", "v6", "6"), entry("arm", "v7", "7"), entry("amd64", undefined, "1")];
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }));
  const choose = (platform: string) => choosePlatform({ bytes, digest: "sha256:x" }, parsePlatform(platform)).at(-1);
  expect([choose("linux/amd64"), choose("linux/arm/v7"), choose("linux/arm")]).toEqual(["1", "7", "6"]);
  expect(() => choose("linux/s390x")).toThrow(/only for unknown\/unknown, linux\/arm, linux\/amd64/);
  expect(() => parsePlatform("linux")).toThrow(/not OS\/ARCHITECTURE/);
});

test("only a name with a registry in it is asked for elsewhere", () => {
  expect(["ghcr.io/a/b", "localhost/x", "127.0.0.1:5000/x:1", "docker.io/library/debian"].every(namesRegistry)).toBe(true);
  expect(["trainer", "trainer:v2", "ada/trainer", `sha256:${"a".repeat(64)}`].some(namesRegistry)).toBe(false);
});

test("a blob's readers are told how far it is complete from the start, whatever order the parts come in", async () => {
  const segment = 8 * 1024 * 1024;
  const tracker = createBlobTracker(2 * segment + 5, null);
  expect([tracker.claim(), tracker.claim(), tracker.claim(), tracker.claim()]).toEqual([0, 1, 2, null]);
  tracker.wrote(1, segment);
  expect([tracker.contiguous, tracker.received]).toEqual([0, segment]);
  tracker.wrote(0, segment);
  await tracker.beyond(2 * segment - 1);
  expect(tracker.contiguous).toBe(2 * segment);
  const again = createBlobTracker(2 * segment + 5, tracker.state());
  expect([again.claim(), again.claim(), again.contiguous]).toEqual([2, null, 2 * segment]);
  expect(createBlobTracker(7, tracker.state()).received).toBe(0);
  tracker.fail(new Error("gone"));
  await expect(tracker.beyond(2 * segment)).rejects.toThrow("gone");
});

describe("credentials", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-credentials-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const store = () => createCredentialStore({ DOCKER_CONFIG: folder, PATH: `${folder}:/usr/bin:/bin` });
  const ada = { kind: "password", username: "ada", password: "a:b" } as const;

  test("are kept in Docker's file, for the owner alone, and leave everything else in it", async () => {
    await writeFile(join(folder, "config.json"), '{"proxies":{"default":{}},"auths":{"https://old.example/v1/":{"auth":"eDp5"}}}', {
      mode: 0o644,
    });
    expect(await store().find("old.example")).toEqual({ kind: "password", username: "x", password: "y" });
    await store().save("docker.io", ada);
    expect((await stat(join(folder, "config.json"))).mode & 0o777).toBe(0o600);
    const content = JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as { auths: object };
    expect(content).toMatchObject({ proxies: { default: {} } });
    expect(Object.keys(content.auths)).toEqual(["https://old.example/v1/", "https://index.docker.io/v1/"]);
    expect(await store().find("registry-1.docker.io")).toEqual(ada);
    await store().save("docker.io", null);
    expect(await store().find("docker.io")).toBeNull();
  });

  test("of a host that is not asked for are not given", async () => {
    await store().save("registry.example:5000", ada);
    expect(await store().find("registry.example")).toBeNull();
    expect(await store().find("registry.example:5000")).toEqual(ada);
  });

  test("of a helper come by its stdin and stdout, and are in no file", async () => {
    const helper = `#!/bin/sh\ncase $1 in store) cat > ${folder}/kept;; get) read host; [ "$host" = h.example ] && sed 's/.*/&/' ${folder}/kept || { echo credentials not found in native keychain; exit 1; };; erase) rm ${folder}/kept;; esac\n`;
    await writeFile(join(folder, "docker-credential-test"), helper);
    await chmod(join(folder, "docker-credential-test"), 0o755);
    await writeFile(join(folder, "config.json"), '{"credHelpers":{"h.example":"test"}}');
    expect(await store().save("h.example", ada)).toBe("test");
    expect(await readFile(join(folder, "config.json"), "utf8")).not.toContain(Buffer.from("ada:a:b").toString("base64"));
    expect(await store().find("h.example")).toEqual(ada);
    expect(await store().find("other.example")).toBeNull();
  });

  test("of a damaged file are told of without its content", async () => {
    await writeFile(join(folder, "config.json"), '{"auths": s3cret');
    await expect(store().find("x.example")).rejects.toThrow(/config.json is not JSON/);
    await expect(store().find("x.example")).rejects.not.toThrow(/s3cret/);
    for (const text of [
      "[]",
      "null",
      '{"auths":[]}',
      '{"auths":{"x.example":{"auth":5}}}',
      '{"credHelpers":{"x":1}}',
      '{"credsStore":{}}',
    ]) {
      await writeFile(join(folder, "config.json"), text);
      await expect(store().find("x.example"), text).rejects.toThrow(/config.json is not a Docker configuration/);
    }
  });
});
