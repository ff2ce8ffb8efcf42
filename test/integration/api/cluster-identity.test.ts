import { execFile } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import Fastify from "fastify";
import { Agent, request } from "undici";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createClusterCa } from "../../../src/control/api/index.ts";
import { listenSecure } from "../../../src/control/api/tls/listen-secure.ts";
import { certificateEnd, fingerprintOf, makeKey, makeRequest, splitToken } from "../../../src/shared/certificates/index.ts";
import { type Clock, systemClock } from "../../../src/shared/domain/index.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";
import type { Problem } from "../../../src/shared/wire/index.ts";
import { until } from "../../support/poll.ts";
import { type Member, type SecureControlPlane, startSecureControlPlane } from "../../support/secure-control-plane.ts";
import { syncRequest } from "../../unit/api/sync-request.ts";

const signal = () => AbortSignal.timeout(20_000);
const NODE_CERTIFICATE_MS = 3_600_000;
let plane: SecureControlPlane;
let folder: string;
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-identity-"));
  plane = await startSecureControlPlane({ nodeCertificateMs: NODE_CERTIFICATE_MS });
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(async () => {
  await plane?.dispose();
  await rm(folder, { recursive: true, force: true });
});

const joined = async (name: string): Promise<Member> => {
  const member = await plane.member(name, await plane.token());
  await member.membership.ensure(signal());
  return member;
};

function clockAt(offsetMs: number): Clock {
  const clock = systemClock();
  return { ...clock, now: () => clock.now() + offsetMs, sleep: clock.sleep, monotonic: clock.monotonic };
}

/** A sync sent by hand, with whatever credential and certificate. */
async function sync(
  nodeId: string,
  credential: string | null,
  identity: { cert?: string; key?: string },
): Promise<{ status: number; problem: Problem }> {
  const { certificate } = await createClusterCa({
    folder: join(plane.dataDir, "control"),
    files: null,
    clock: systemClock(),
  }).authority();
  const dispatcher = new Agent({ connect: { ca: certificate, ...identity } });
  try {
    const answer = await request(`${plane.url}/agent/v1/sync`, {
      method: "POST",
      dispatcher,
      headers: { "content-type": "application/json", ...(credential === null ? {} : { authorization: `Bearer ${credential}` }) },
      body: JSON.stringify(syncRequest(nodeId)),
    });
    return { status: answer.statusCode, problem: (await answer.body.json()) as Problem };
  } finally {
    await dispatcher.destroy();
  }
}

function identityOf(member: Member): { cert: string; key: string } {
  const { certificate = "", key = "" } = member.certificates.current() ?? {};
  return { cert: certificate, key };
}

describe("joining over TLS", () => {
  it("verifies the server by the token's fingerprint, and gives the node a certificate of its own", async () => {
    const member = await joined("gpu-01");
    expect(member.membership.current()?.nodeId).toBe("gpu-01");
    expect((await member.client.sync(syncRequest("gpu-01"), signal())).leaseSeconds).toBeGreaterThan(0);
    const end = certificateEnd(member.certificates.current()?.certificate ?? "");
    expect(end - Date.now()).toBeLessThanOrEqual(NODE_CERTIFICATE_MS);
    for (const file of ["node.pem", "identity.json"]) expect((await stat(join(member.dataDir, "agent", file))).mode & 0o777).toBe(0o600);
    expect(await readdir(join(member.dataDir, "agent/openssl"))).toEqual([]);
  });

  it("sends nothing to a server that has another CA, and says so", async () => {
    const ca = createClusterCa({ folder: join(folder, "impostor"), files: null, clock: systemClock() });
    const { chain, key } = await ca.issueServer(["127.0.0.1"]);
    const asked: string[] = [];
    const { certificate } = await ca.authority();
    const impostor = createServer({ cert: chain, key }, (incoming, response) => {
      asked.push(`${incoming.method} ${incoming.url} ${incoming.headers.authorization ?? ""}`);
      response.end(certificate);
    });
    await new Promise<void>((resolve) => impostor.listen(0, "127.0.0.1", resolve));
    cleanups.push(async () => {
      impostor.closeAllConnections();
      await new Promise((resolve) => impostor.close(resolve));
    });
    const url = `https://127.0.0.1:${(impostor.address() as AddressInfo).port}`;
    const member = await plane.member("victim", await plane.token(), { join: url });
    await expect(member.membership.ensure(signal())).rejects.toMatchObject({
      code: "certificate_invalid",
      message: expect.stringContaining("another CA than the token was made for"),
    });
    expect(asked).toEqual(["GET /v1/ca "]);
    const trusting = await plane.member("victim", await plane.token(), { join: url, caFile: await caFile() });
    await expect(trusting.membership.ensure(signal())).rejects.toMatchObject({
      code: "certificate_invalid",
      message: expect.stringContaining("not of a CA"),
    });
    expect(asked).toHaveLength(1);
  });

  it("takes the CA from a file when the token has no fingerprint, and trusts nobody without either", async () => {
    const { token } = splitToken(await plane.token());
    const blind = await plane.member("gpu-02", token);
    await expect(blind.membership.ensure(signal())).rejects.toMatchObject({ code: "certificate_invalid" });
    const member = await plane.member("gpu-02", token, { caFile: await caFile() });
    expect((await member.membership.ensure(signal())).nodeId).toBe("gpu-02");
  });

  it("lets one node use a token, that one again, and no other", async () => {
    const token = await plane.token();
    const first = await plane.member("once", token);
    await first.membership.ensure(signal());
    const again = await plane.member("once", token);
    expect((await again.membership.ensure(signal())).nodeId).toBe("once");
    const thief = await plane.member("thief", token);
    await expect(thief.membership.ensure(signal())).rejects.toMatchObject({
      code: "unauthorized",
      message: expect.stringContaining("another node has joined with this token"),
    });
  });

  it("names the clocks when the certificate is not valid at the node's time", async () => {
    const early = createClusterCa({ folder: join(folder, "early"), files: null, clock: clockAt(3 * 86_400_000) });
    const { certificateFile } = await early.authority();
    const caFiles = { certificate: certificateFile, key: certificateFile };
    const other = await startSecureControlPlane({ redisOf: plane, caFiles });
    cleanups.push(() => other.dispose());
    const member = await other.member("skewed", await other.token());
    await expect(member.membership.ensure(signal())).rejects.toMatchObject({
      code: "certificate_invalid",
      message: expect.stringMatching(/is not valid yet at this machine's time .*Z/),
      details: { hint: expect.stringContaining("clocks") },
    });
  });

  async function caFile(): Promise<string> {
    const path = join(folder, "ca.pem");
    const { token } = { token: await plane.token() };
    const { fetchAuthority } = await import("../../../src/shared/certificates/index.ts");
    await writeFile(path, await fetchAuthority(plane.url, splitToken(token).fingerprint ?? ""));
    return path;
  }
});

describe("the routes of nodes over TLS", () => {
  it("need the credential and the certificate of one and the same node", async () => {
    const [one, two] = [await joined("pair-1"), await joined("pair-2")];
    const [first, second] = [one.membership.current(), two.membership.current()];
    expect((await sync("pair-1", credentialOf(first), identityOf(one))).status).toBe(200);
    expect(await sync("pair-1", credentialOf(first), {})).toMatchObject({ status: 401, problem: { code: "certificate_invalid" } });
    expect(await sync("pair-1", credentialOf(first), identityOf(two))).toMatchObject({
      status: 401,
      problem: { code: "certificate_invalid", detail: expect.stringContaining('of node "pair-2", the credential of "pair-1"') },
    });
    expect(await sync("pair-1", null, identityOf(one))).toMatchObject({ status: 401, problem: { code: "unauthorized" } });
    expect(await sync("pair-2", credentialOf(first), identityOf(one))).toMatchObject({ status: 403 });
    expect(credentialOf(second)).not.toBe(credentialOf(first));
  });

  it("refuse a certificate that has expired, one of another CA and one that is no node's, each with its reason", async () => {
    const member = await joined("proof");
    const credential = credentialOf(member.membership.current());
    const own = { folder: join(plane.dataDir, "control"), files: null };
    const issue = async (ca: ReturnType<typeof createClusterCa>) => {
      const key = makeKey();
      return { key, cert: await ca.issueNode("proof", await makeRequest(key, join(folder, "scratch"))) };
    };
    const past = createClusterCa({ ...own, clock: clockAt(-7_200_000), nodeLifetimeMs: 60_000 });
    expect(await sync("proof", credential, await issue(past))).toMatchObject({
      status: 401,
      problem: { detail: expect.stringContaining("has expired") },
    });
    const future = createClusterCa({ ...own, clock: clockAt(86_400_000) });
    expect(await sync("proof", credential, await issue(future))).toMatchObject({
      status: 401,
      problem: { detail: expect.stringContaining("not valid yet") },
    });
    const foreign = createClusterCa({ folder: join(folder, "foreign"), files: null, clock: systemClock() });
    expect(await sync("proof", credential, await issue(foreign))).toMatchObject({
      status: 401,
      problem: { detail: expect.stringContaining("not of this cluster's CA") },
    });
    const server = await createClusterCa({ ...own, clock: systemClock() }).issueServer(["proof"]);
    expect(await sync("proof", credential, { cert: server.chain, key: server.key })).toMatchObject({
      status: 401,
      problem: { code: "certificate_invalid" },
    });
  });

  it("a request for a certificate of another key kind, or no request at all, is refused", async () => {
    const member = await joined("odd");
    await expect(member.client.certify("not a request", signal())).rejects.toMatchObject({ code: "invalid_request" });
    const key = join(folder, "rsa.key");
    await promisify(execFile)("openssl", ["genrsa", "-out", key, "2048"]);
    const csr = await makeRequest(await readFile(key, "utf8"), join(folder, "scratch"));
    await expect(member.client.certify(csr, signal())).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining("P-256"),
    });
  });
});

describe("a node's certificate", () => {
  it("outlives a restart of the agent, and is renewed when two thirds of its time are over", async () => {
    const member = await joined("renewing");
    const before = member.certificates.current()?.certificate;
    const restarted = await plane.member("renewing", null, { dataDir: member.dataDir });
    await restarted.membership.ensure(signal());
    expect(restarted.certificates.current()?.certificate).toBe(before);
    const later = await plane.member("renewing", null, { dataDir: member.dataDir, clock: clockAt(NODE_CERTIFICATE_MS * 0.7) });
    await later.membership.ensure(signal());
    expect(later.certificates.current()?.certificate).not.toBe(before);
    expect((await later.client.sync(syncRequest("renewing"), signal())).desired).toEqual([]);
  });

  it("that ended while the node was off is replaced by the node itself", async () => {
    const member = await joined("sleeper");
    const past = createClusterCa({
      ...{ folder: join(plane.dataDir, "control"), files: null },
      ...{ clock: clockAt(-7_200_000), nodeLifetimeMs: 60_000 },
    });
    const key = makeKey();
    const stale = await past.issueNode("sleeper", await makeRequest(key, join(folder, "scratch")));
    await writeFile(join(member.dataDir, "agent/node.pem"), stale + key, { mode: 0o600 });
    const woken = await plane.member("sleeper", null, { dataDir: member.dataDir });
    await woken.membership.ensure(signal());
    expect((await woken.client.sync(syncRequest("sleeper"), signal())).desired).toEqual([]);
  });

  it("and its credential end with `berth node rm`, on every control plane", async () => {
    const member = await joined("removed");
    await member.client.sync(syncRequest("removed"), signal());
    expect((await plane.local("/v1/nodes/removed", { method: "DELETE" })).status).toBe(204);
    expect((await plane.local("/v1/nodes/removed", { method: "DELETE" })).status).toBe(404);
    await expect(member.client.sync(syncRequest("removed"), signal())).rejects.toMatchObject({ code: "unauthorized" });
    const csr = await makeRequest(makeKey(), join(folder, "scratch"));
    await expect(member.client.certify(csr, signal())).rejects.toMatchObject({ code: "unauthorized" });
  });
});

describe("a node that was removed", () => {
  it("comes back with a new token over its old data dir, and not without", async () => {
    const member = await joined("returning");
    await plane.local("/v1/nodes/returning", { method: "DELETE" });
    await rm(join(member.dataDir, "agent/node.pem"));
    const without = await plane.member("returning", null, { dataDir: member.dataDir });
    await expect(without.membership.ensure(signal())).rejects.toMatchObject({
      code: "unauthorized",
      message: expect.stringContaining("join again"),
    });
    const again = await plane.member("returning", await plane.token(), { dataDir: member.dataDir });
    await again.membership.ensure(signal());
    expect((await again.client.sync(syncRequest("returning"), signal())).desired).toEqual([]);
  });
});

describe("the server's certificate", () => {
  it("is renewed while it serves", async () => {
    const clock = { offset: -25 * 86_400_000, wake: () => {} };
    const ticking: Clock = {
      ...systemClock(),
      now: () => Date.now() + clock.offset,
      sleep: (_milliseconds, aborted) =>
        new Promise((resolve, reject) => {
          clock.wake = resolve;
          aborted?.addEventListener("abort", () => reject(aborted.reason), { once: true });
        }),
    };
    const stop = new AbortController();
    const ca = createClusterCa({ folder: join(folder, "server"), files: null, clock: ticking });
    const app = Fastify();
    await app.ready();
    const options = { ca, address: { host: "127.0.0.1", port: 0 }, names: [], clock: ticking, log: silentLogger(), stopping: stop.signal };
    const { server, url } = await listenSecure(app, options);
    cleanups.push(async () => {
      stop.abort();
      await new Promise((resolve) => server.close(resolve));
      await app.close();
    });
    const shown = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1", rejectUnauthorized: false }, () => {
          resolve(socket.getPeerX509Certificate()?.serialNumber ?? "");
          socket.destroy();
        });
        socket.on("error", reject);
      });
    const before = await shown();
    clock.offset = 0;
    clock.wake();
    await until("another certificate", 20, async () => (await shown()) !== before);
  });
});

describe("the cluster's CA", () => {
  it("is one private file, made once however many begin at the same time, and whole after a crash", async () => {
    const own = join(folder, "many");
    const many = Array.from({ length: 4 }, () => createClusterCa({ folder: own, files: null, clock: systemClock() }));
    // Its own scratch folder is swept by each; what counts is what lies there in the end.
    const made = await Promise.allSettled(many.map((ca) => ca.authority()));
    const fingerprints = new Set(made.flatMap((one) => (one.status === "fulfilled" ? [one.value.fingerprint] : [])));
    const file = join(own, "cluster-ca.pem");
    expect([...fingerprints]).toEqual([fingerprintOf(await readFile(file, "utf8"))]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await writeFile(`${file}.${process.pid}.tmp`, "half of it");
    const again = await createClusterCa({ folder: own, files: null, clock: systemClock() }).authority();
    expect(fingerprints).toContain(again.fingerprint);
    await chmod(file, 0o644);
    await expect(createClusterCa({ folder: own, files: null, clock: systemClock() }).authority()).rejects.toMatchObject({
      code: "forbidden",
    });
  });

  it("given as files makes several control planes one cluster", async () => {
    const { certificateFile } = await createClusterCa({ folder: join(folder, "given"), files: null, clock: systemClock() }).authority();
    const caFiles = { certificate: certificateFile, key: certificateFile };
    const first = await startSecureControlPlane({ caFiles });
    const second = await startSecureControlPlane({ caFiles, redisOf: first });
    cleanups.push(
      () => first.dispose(),
      () => second.dispose(),
    );
    const member = await first.member("both", await first.token());
    await member.membership.ensure(signal());
    const moved = await second.member("both", null, { dataDir: member.dataDir });
    await moved.membership.ensure(signal());
    expect((await moved.client.sync(syncRequest("both"), signal())).leaseSeconds).toBeGreaterThan(0);
  });
});

function credentialOf(identity: { nodeId: string; credential: string } | null): string {
  return identity?.credential ?? "";
}
