import { chmod, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import Fastify from "fastify";
import { describe, expect, it } from "vitest";
import { createClusterCa } from "../../../src/control/api/index.ts";
import { listenSecure } from "../../../src/control/api/tls/listen-secure.ts";
import { fingerprintOf, makeKey, makeRequest } from "../../../src/shared/certificates/index.ts";
import { type Clock, systemClock } from "../../../src/shared/domain/index.ts";
import { silentLogger } from "../../../src/shared/observe/index.ts";
import { until } from "../../support/poll.ts";
import { clockAt, NODE_CERTIFICATE_MS, secureCluster, signal } from "../../support/secure-cluster.ts";
import { startSecureControlPlane } from "../../support/secure-control-plane.ts";
import { syncRequest } from "../../unit/api/sync-request.ts";

const cluster = secureCluster();

describe("a node's certificate", () => {
  it("outlives a restart of the agent, and is renewed when two thirds of its time are over", async () => {
    const member = await cluster.joined("renewing");
    const before = member.certificates.current()?.certificate;
    const restarted = await cluster.plane.member("renewing", null, { dataDir: member.dataDir });
    await restarted.membership.ensure(signal());
    expect(restarted.certificates.current()?.certificate).toBe(before);
    const later = await cluster.plane.member("renewing", null, { dataDir: member.dataDir, clock: clockAt(NODE_CERTIFICATE_MS * 0.7) });
    await later.membership.ensure(signal());
    expect(later.certificates.current()?.certificate).not.toBe(before);
    expect((await later.client.sync(syncRequest("renewing"), signal())).desired).toEqual([]);
  });

  it("that ended while the node was off is replaced by the node itself", async () => {
    const member = await cluster.joined("sleeper");
    const past = createClusterCa({
      ...{ folder: join(cluster.plane.dataDir, "control"), files: null },
      ...{ clock: clockAt(-7_200_000), nodeLifetimeMs: 60_000 },
    });
    const key = makeKey();
    const stale = await past.issueNode("sleeper", await makeRequest(key, join(cluster.folder, "scratch")));
    await writeFile(join(member.dataDir, "agent/node.pem"), stale + key, { mode: 0o600 });
    const woken = await cluster.plane.member("sleeper", null, { dataDir: member.dataDir });
    await woken.membership.ensure(signal());
    expect((await woken.client.sync(syncRequest("sleeper"), signal())).desired).toEqual([]);
  });

  it("and its credential end with `berth node rm`, on every control plane", async () => {
    const member = await cluster.joined("removed");
    await member.client.sync(syncRequest("removed"), signal());
    expect((await cluster.plane.local("/v1/nodes/removed", { method: "DELETE" })).status).toBe(204);
    expect((await cluster.plane.local("/v1/nodes/removed", { method: "DELETE" })).status).toBe(404);
    await expect(member.client.sync(syncRequest("removed"), signal())).rejects.toMatchObject({ code: "unauthorized" });
    const csr = await makeRequest(makeKey(), join(cluster.folder, "scratch"));
    await expect(member.client.certify(csr, signal())).rejects.toMatchObject({ code: "unauthorized" });
  });
});

describe("a node that was removed", () => {
  it("comes back with a new token over its old data dir, and not without", async () => {
    const member = await cluster.joined("returning");
    await cluster.plane.local("/v1/nodes/returning", { method: "DELETE" });
    await rm(join(member.dataDir, "agent/node.pem"));
    const without = await cluster.plane.member("returning", null, { dataDir: member.dataDir });
    await expect(without.membership.ensure(signal())).rejects.toMatchObject({
      code: "unauthorized",
      message: expect.stringContaining("join again"),
    });
    const again = await cluster.plane.member("returning", await cluster.plane.token(), { dataDir: member.dataDir });
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
    const ca = createClusterCa({ folder: join(cluster.folder, "server"), files: null, clock: ticking });
    const app = Fastify();
    await app.ready();
    const options = { ca, address: { host: "127.0.0.1", port: 0 }, names: [], clock: ticking, log: silentLogger(), stopping: stop.signal };
    const { server, url } = await listenSecure(app, options);
    cluster.cleanups.push(async () => {
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
    await until("another certificate", 60, async () => (await shown()) !== before);
  });
});

describe("the cluster's CA", () => {
  it("is one private file, made once however many begin at the same time, and whole after a crash", async () => {
    const own = join(cluster.folder, "many");
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
    const { certificateFile } = await createClusterCa({
      folder: join(cluster.folder, "given"),
      files: null,
      clock: systemClock(),
    }).authority();
    const caFiles = { certificate: certificateFile, key: certificateFile };
    const first = await startSecureControlPlane({ caFiles });
    const second = await startSecureControlPlane({ caFiles, redisOf: first });
    cluster.cleanups.push(
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
