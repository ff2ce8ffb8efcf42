import { execFile } from "node:child_process";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { Agent, request } from "undici";
import { describe, expect, it } from "vitest";
import { createClusterCa } from "../../../src/control/api/index.ts";
import { certificateEnd, fetchAuthority, makeKey, makeRequest, splitToken } from "../../../src/shared/certificates/index.ts";
import { systemClock } from "../../../src/shared/domain/index.ts";
import type { Problem } from "../../../src/shared/wire/index.ts";
import { clockAt, NODE_CERTIFICATE_MS, secureCluster, signal } from "../../support/secure-cluster.ts";
import { type Member, startSecureControlPlane } from "../../support/secure-control-plane.ts";
import { syncRequest } from "../../unit/api/sync-request.ts";

const cluster = secureCluster();

/** A sync sent by hand, with whatever credential and certificate. */
async function sync(
  nodeId: string,
  credential: string | null,
  identity: { cert?: string; key?: string },
): Promise<{ status: number; problem: Problem }> {
  const { certificate } = await createClusterCa({
    folder: join(cluster.plane.dataDir, "control"),
    files: null,
    clock: systemClock(),
  }).authority();
  const dispatcher = new Agent({ connect: { ca: certificate, ...identity } });
  try {
    const answer = await request(`${cluster.plane.url}/agent/v1/sync`, {
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
    const member = await cluster.joined("gpu-01");
    expect(member.membership.current()?.nodeId).toBe("gpu-01");
    expect((await member.client.sync(syncRequest("gpu-01"), signal())).leaseSeconds).toBeGreaterThan(0);
    const end = certificateEnd(member.certificates.current()?.certificate ?? "");
    expect(end - Date.now()).toBeLessThanOrEqual(NODE_CERTIFICATE_MS);
    for (const file of ["node.pem", "identity.json"]) expect((await stat(join(member.dataDir, "agent", file))).mode & 0o777).toBe(0o600);
    expect(await readdir(join(member.dataDir, "agent/openssl"))).toEqual([]);
  });

  it("sends nothing to a server that has another CA, and says so", async () => {
    const ca = createClusterCa({ folder: join(cluster.folder, "impostor"), files: null, clock: systemClock() });
    const { chain, key } = await ca.issueServer(["127.0.0.1"]);
    const asked: string[] = [];
    const { certificate } = await ca.authority();
    const impostor = createServer({ cert: chain, key }, (incoming, response) => {
      asked.push(`${incoming.method} ${incoming.url} ${incoming.headers.authorization ?? ""}`);
      response.end(certificate);
    });
    await new Promise<void>((resolve) => impostor.listen(0, "127.0.0.1", resolve));
    cluster.cleanups.push(async () => {
      impostor.closeAllConnections();
      await new Promise((resolve) => impostor.close(resolve));
    });
    const url = `https://127.0.0.1:${(impostor.address() as AddressInfo).port}`;
    const member = await cluster.plane.member("victim", await cluster.plane.token(), { join: url });
    await expect(member.membership.ensure(signal())).rejects.toMatchObject({
      code: "certificate_invalid",
      message: expect.stringContaining("another CA than the token was made for"),
    });
    expect(asked).toEqual(["GET /v1/ca "]);
    const trusting = await cluster.plane.member("victim", await cluster.plane.token(), { join: url, caFile: await caFile() });
    await expect(trusting.membership.ensure(signal())).rejects.toMatchObject({
      code: "certificate_invalid",
      message: expect.stringContaining("not of a CA"),
    });
    expect(asked).toHaveLength(1);
  });

  it("takes the CA from a file when the token has no fingerprint, and trusts nobody without either", async () => {
    const { token } = splitToken(await cluster.plane.token());
    const blind = await cluster.plane.member("gpu-02", token);
    await expect(blind.membership.ensure(signal())).rejects.toMatchObject({ code: "certificate_invalid" });
    const member = await cluster.plane.member("gpu-02", token, { caFile: await caFile() });
    expect((await member.membership.ensure(signal())).nodeId).toBe("gpu-02");
  });

  it("lets one node use a token, that one again, and no other", async () => {
    const token = await cluster.plane.token();
    const first = await cluster.plane.member("once", token);
    await first.membership.ensure(signal());
    const again = await cluster.plane.member("once", token);
    expect((await again.membership.ensure(signal())).nodeId).toBe("once");
    const thief = await cluster.plane.member("thief", token);
    await expect(thief.membership.ensure(signal())).rejects.toMatchObject({
      code: "unauthorized",
      message: expect.stringContaining("another node has joined with this token"),
    });
  });

  it("names the clocks when the certificate is not valid at the node's time", async () => {
    const early = createClusterCa({ folder: join(cluster.folder, "early"), files: null, clock: clockAt(3 * 86_400_000) });
    const { certificateFile } = await early.authority();
    const caFiles = { certificate: certificateFile, key: certificateFile };
    const other = await startSecureControlPlane({ redisOf: cluster.plane, caFiles });
    cluster.cleanups.push(() => other.dispose());
    const member = await other.member("skewed", await other.token());
    await expect(member.membership.ensure(signal())).rejects.toMatchObject({
      code: "certificate_invalid",
      message: expect.stringMatching(/is not valid yet at this machine's time .*Z/),
      details: { hint: expect.stringContaining("clocks") },
    });
  });

  async function caFile(): Promise<string> {
    const path = join(cluster.folder, "ca.pem");
    const { fingerprint } = splitToken(await cluster.plane.token());
    await writeFile(path, await fetchAuthority(cluster.plane.url, fingerprint ?? ""));
    return path;
  }
});

describe("the routes of nodes over TLS", () => {
  it("need the credential and the certificate of one and the same node", async () => {
    const [one, two] = [await cluster.joined("pair-1"), await cluster.joined("pair-2")];
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
    const member = await cluster.joined("proof");
    const credential = credentialOf(member.membership.current());
    const own = { folder: join(cluster.plane.dataDir, "control"), files: null };
    const issue = async (ca: ReturnType<typeof createClusterCa>) => {
      const key = makeKey();
      return { key, cert: await ca.issueNode("proof", await makeRequest(key, join(cluster.folder, "scratch"))) };
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
    const foreign = createClusterCa({ folder: join(cluster.folder, "foreign"), files: null, clock: systemClock() });
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
    const member = await cluster.joined("odd");
    await expect(member.client.certify("not a request", signal())).rejects.toMatchObject({ code: "invalid_request" });
    const key = join(cluster.folder, "rsa.key");
    await promisify(execFile)("openssl", ["genrsa", "-out", key, "2048"]);
    const csr = await makeRequest(await readFile(key, "utf8"), join(cluster.folder, "scratch"));
    await expect(member.client.certify(csr, signal())).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringContaining("P-256"),
    });
  });
});

function credentialOf(identity: { nodeId: string; credential: string } | null): string {
  return identity?.credential ?? "";
}
