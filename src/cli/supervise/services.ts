import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock } from "../../shared/domain/index.ts";
import { isServing } from "../client/is-serving.ts";
import type { BerthPaths } from "./berth-paths.ts";
import { redisConfig } from "./redis-config.ts";
import { redisIsReady, shutDownRedis } from "./redis-probe.ts";
import type { ServiceSpec } from "./service.ts";

/** What `berth up` was asked for. */
export interface UpOptions {
  listen: string;
  /** An outside Redis; null starts a private one. */
  redisUrl: string | null;
  leaseSeconds: number | null;
  /** Passed on to the control plane as they are. */
  controlPlaneArguments?: readonly string[];
  /** Passed on to the agent as they are. */
  agentArguments: readonly string[];
}

/** A node's memory is for its jobs: short-lived objects of a pull are collected sooner, and fewer malloc arenas hold on to freed buffers. */
const SMALL_NURSERY = "--max-semi-space-size=4";

type Env = Readonly<Record<string, string | undefined>>;

const BERTH = fileURLToPath(new URL("../../../bin/berth.mjs", import.meta.url));
const NODE_STDIN_FLAG = "--exit-with-stdin";

/** The children of `berth up` in the order they start; they stop in the opposite one. */
export function serviceSpecs(paths: BerthPaths, options: UpOptions, env: Env, clock: Clock): ServiceSpec[] {
  const own = withoutSecrets(env);
  const redis = options.redisUrl === null ? [redisService(paths, own, clock)] : [];
  return [...redis, controlPlaneService(paths, options, own), agentService(paths, options, own)];
}

function redisService(paths: BerthPaths, env: Env, clock: Clock): ServiceSpec {
  return {
    name: "redis-server",
    file: "redis-server",
    args: [paths.redisConfig],
    env,
    logFile: join(paths.logDir, "redis.log"),
    commandMark: "redis-server",
    async prepare() {
      await mkdir(paths.redisDir, { recursive: true, mode: 0o700 });
      await writeFile(paths.redisConfig, redisConfig(paths), { mode: 0o600 });
      await shutDownRedis(paths.redisSocket, clock);
      await rm(paths.redisSocket, { force: true });
    },
    isReady: () => redisIsReady(paths.redisSocket),
  };
}

/** The Redis address goes by environment: a URL may hold a password, and a command line is public. */
function controlPlaneService(paths: BerthPaths, options: UpOptions, env: Env): ServiceSpec {
  const lease = options.leaseSeconds === null ? [] : ["--lease", `${options.leaseSeconds}s`];
  const embedded = options.redisUrl === null ? ["--embedded"] : [];
  const args = [
    "control-plane",
    "--data-dir",
    paths.dataDir,
    "--run-dir",
    paths.runDir,
    "--listen",
    options.listen,
    ...lease,
    ...(options.controlPlaneArguments ?? []),
    ...embedded,
    NODE_STDIN_FLAG,
  ];
  return {
    name: "control-plane",
    file: process.execPath,
    args: [BERTH, ...args],
    env: { ...env, BERTH_REDIS_URL: options.redisUrl ?? `unix://${paths.redisSocket}` },
    logFile: join(paths.logDir, "control-plane.log"),
    commandMark: "berth.mjs control-plane",
    prepare: async () => undefined,
    isReady: () => isServing(paths.apiSocket, "/readyz"),
  };
}

/** The agent joins over api.sock, where the control plane gives a local agent its token itself: none is passed here. */
function agentService(paths: BerthPaths, options: UpOptions, env: Env): ServiceSpec {
  const args = ["agent", "--join", `unix://${paths.apiSocket}`, "--data-dir", paths.dataDir, "--run-dir", paths.runDir];
  return {
    name: "agent",
    file: process.execPath,
    args: [SMALL_NURSERY, BERTH, ...args, ...options.agentArguments, NODE_STDIN_FLAG],
    env: { MALLOC_ARENA_MAX: "2", ...env },
    logFile: join(paths.logDir, "agent.log"),
    commandMark: "berth.mjs agent",
    prepare: async () => undefined,
    isReady: () => isServing(paths.nodeSocket, "/v1/node"),
  };
}

/** Tokens of the caller are none of the children's business. */
function withoutSecrets(env: Env): Env {
  const { BERTH_TOKEN: _token, BERTH_JOIN_TOKEN: _join, BERTH_REDIS_URL: _redis, ...rest } = env;
  return rest;
}
