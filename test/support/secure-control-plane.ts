import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, request } from "undici";
import { type ControlPlaneOptions, runControlPlane } from "../../src/control/api/index.ts";
import { composeMembership, type MembershipParts } from "../../src/node/agent/compose-membership.ts";
import { loadNative } from "../../src/node/platform/index.ts";
import { type Clock, systemClock } from "../../src/shared/domain/index.ts";
import { silentLogger } from "../../src/shared/observe/index.ts";
import { until } from "./poll.ts";
import { startRedis, type TestRedis } from "./redis.ts";

/** A real control plane with TLS on loopback, over a Redis of its own. */
export interface SecureControlPlane {
  /** https://127.0.0.1:PORT */
  readonly url: string;
  readonly dataDir: string;
  readonly redis: TestRedis;
  /** By the operator's socket. */
  local<T>(path: string, options?: { method?: "GET" | "POST" | "DELETE"; body?: object }): Promise<{ status: number; body: T }>;
  token(kind?: "join" | "api"): Promise<string>;
  /** What an agent of that name, with a data dir of its own, knows and shows. */
  member(name: string, token: string | null, changes?: MemberChanges): Promise<Member>;
  dispose(): Promise<void>;
}

export interface MemberChanges {
  join?: string;
  caFile?: string;
  dataDir?: string;
  clock?: Clock;
}

export interface Member extends MembershipParts {
  dataDir: string;
}

type Changes = Partial<ControlPlaneOptions> & { redisOf?: SecureControlPlane };

export async function startSecureControlPlane(changes: Changes = {}): Promise<SecureControlPlane> {
  const { redisOf, ...options } = changes;
  const folder = await mkdtemp(join(tmpdir(), "berth-tls-"));
  const redis = redisOf?.redis ?? (await startRedis());
  const stop = new AbortController();
  const closing: (() => Promise<unknown>)[] = [];
  const [dataDir, runDir] = [join(folder, "data"), join(folder, "run")];
  let listening = (_url: string) => {};
  const listened = new Promise<string>((resolve) => {
    listening = resolve;
  });
  const done = runControlPlane(
    {
      ...{ dataDir, runDir, listen: "127.0.0.1:0", redis: `unix://${redis.socketPath}`, embedded: true, tls: "always" },
      ...{ logger: silentLogger(), onListening: listening },
      ...options,
    },
    stop.signal,
  );
  const url = await Promise.race([listened, done.then(() => "")]);
  const socket = new Agent({ connect: { socketPath: join(runDir, "api.sock") } });
  const plane: SecureControlPlane = {
    ...{ url, dataDir, redis },
    async local<T>(path: string, { method = "GET", body }: { method?: "GET" | "POST" | "DELETE"; body?: object } = {}) {
      const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
      const answer = await request(`http://local${path}`, { method, dispatcher: socket, ...sent });
      const text = await answer.body.text();
      return { status: answer.statusCode, body: (text === "" ? null : JSON.parse(text)) as T };
    },
    token: async (kind = "join") => (await plane.local<{ token: string }>("/v1/tokens", { method: "POST", body: { kind } })).body.token,
    async member(name, token, { join: joinUrl = url, caFile, dataDir: own, clock = systemClock() } = {}) {
      const memberDir = own ?? (await mkdtemp(join(folder, "node-")));
      await mkdir(join(memberDir, "agent"), { recursive: true });
      const given = {
        join: joinUrl,
        token,
        tokenFile: null,
        name,
        dataDir: memberDir,
        runDir: join(memberDir, "run"),
        caFile: caFile ?? null,
      };
      const parts = await composeMembership({ options: { ...UNUSED, ...given }, native: loadNative(), clock, log: silentLogger() });
      closing.push(() => parts.client.close());
      return { ...parts, dataDir: memberDir };
    },
    async dispose() {
      await Promise.all(closing.map((close) => close()));
      stop.abort();
      await done;
      await socket.destroy();
      if (redisOf === undefined) await redis.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await until("readiness", 60, async () => (await plane.local("/readyz")).status === 200);
  return plane;
}

const UNUSED = {
  ...{ address: null, simulateGpus: 0, driverRoot: null, allowBind: [], allowGpuDevices: [], cdiDir: null },
  ...{ metricsListen: null, registryListen: null, runtime: "auto" as const, logLevel: "error" },
};
