import { mkdir } from "node:fs/promises";
import { type Clock, isBerthError, pause, systemClock } from "../../shared/domain/index.ts";
import { createLogger, type Logger } from "../../shared/observe/index.ts";
import { createImageTools } from "../images/index.ts";
import { builtFiles, type FileLock, type LockPorts, loadNative, lockFile, packageRoot } from "../platform/index.ts";
import { startRegistry } from "../registry/index.ts";
import { runNode } from "./agent.ts";
import { type AgentOptions, parseListen } from "./agent-options.ts";
import { backoffMs } from "./backoff.ts";
import { composeAgent, composeEngine, type EngineParts, type NodeParts } from "./compose.ts";
import { composeBuilder } from "./compose-builder.ts";
import type { Ground } from "./ground.ts";
import { hardenProcess } from "./harden-process.ts";
import { keepCdiSpec } from "./keep-cdi-spec.ts";
import { createLocalApi, createMetricsApi, listenOnSocket } from "./local-api/server.ts";
import type { Membership } from "./membership.ts";
import { agentPaths } from "./paths.ts";
import { previewGpuPlan } from "./preview-gpu-plan.ts";
import { createSlots, type Slots } from "./slots.ts";

const BUILD_END_MS = 10_000;

interface Closeable {
  close(): Promise<unknown>;
}

/**
 * Runs this machine's agent until `signal` aborts, then stops cleanly: log pushes in flight end, containers go on under
 * their leases and are adopted by the next agent.
 * @throws BerthError data_dir_locked, missing_requirement, unauthorized (no identity and no valid token)
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const log = createLogger({ name: "agent", level: options.logLevel });
  const native = loadNative();
  const clock = systemClock();
  const locks = await takeLocks({ native, clock }, options);
  const ground: Ground = { options, native, clock, log };
  try {
    await hardenProcess(native, log);
    const parts = await composeEngine(ground);
    try {
      await parts.engine.recover();
      await serve(ground, parts, signal);
    } finally {
      await parts.engine.close();
      await parts.registries.close();
      await parts.images.close();
    }
  } finally {
    for (const lock of locks) await lock.release();
    log.info("agent stopped");
  }
}

async function takeLocks(ports: LockPorts, options: AgentOptions): Promise<FileLock[]> {
  const paths = agentPaths(options.dataDir, options.runDir);
  for (const folder of [options.dataDir, paths.folder, options.runDir]) await mkdir(folder, { recursive: true, mode: 0o700 });
  const first = await lockFile(ports, paths.lock);
  try {
    return [first, await lockFile(ports, paths.runLock)];
  } catch (error) {
    await first.release();
    throw error;
  }
}

async function serve(ground: Ground, parts: EngineParts, signal: AbortSignal): Promise<void> {
  const node = await composeAgent(ground, parts);
  const servers: Closeable[] = [];
  const heavy = createSlots(1);
  const stopped = new AbortController();
  const cdi = keepCdi(ground, parts, AbortSignal.any([signal, stopped.signal]));
  try {
    await startServers(ground, parts, { ...node, heavy }, servers);
    const { address, engine } = parts;
    ground.log.info({ address, runtime: engine.runtime(), containers: engine.list().length }, "agent ready");
    await firstJoin(node.membership, ground, signal);
    if (!signal.aborted && parts.peers !== null) servers.push(await parts.peers.serve(parts.images));
    if (!signal.aborted) await runNode(node.agent, signal);
  } finally {
    stopped.abort();
    await cdi;
    await Promise.all(servers.map((server) => server.close()));
    // Closing aborted the build in hand: its mounts and cgroup go before the engine does.
    await Promise.race([heavy.use(async () => {}), ground.clock.sleep(BUILD_END_MS)]);
    await parts.peers?.sources.close();
    await node.client.close();
  }
}

function keepCdi({ options, clock, log }: Ground, { gpu }: EngineParts, signal: AbortSignal): Promise<void> {
  return keepCdiSpec({ cdiDir: options.cdiDir, gpuHost: gpu.host, driverRoot: gpu.driverRoot, clock, log }, signal);
}

async function startServers(ground: Ground, parts: EngineParts, node: NodeParts & { heavy: Slots }, servers: Closeable[]): Promise<void> {
  const { options, log, native, clock } = ground;
  const api = createLocalApi({
    images: parts.images,
    imageTools: createImageTools({
      dataDir: options.dataDir,
      native: ground.native,
      clock: ground.clock,
      store: parts.images,
      snapshots: parts.snapshots,
      trust: parts.trust,
    }),
    trust: parts.trust,
    registries: parts.registries,
    engine: parts.engine,
    ...composeBuilder(ground, parts),
    heavy: node.heavy,
    facts: node.facts.current,
    gpu: () => ({
      driverRoot: parts.gpu.driverRoot,
      simulated: parts.gpu.simulated,
      hook: builtFiles(packageRoot()).gpuPrestart,
      problem: node.facts.gpuProblem(),
    }),
    gpus: () => parts.gpu.host.status(),
    releaseGpus: (milliseconds) => parts.gpu.host.release(milliseconds),
    gpuPlan: (call, signal) => previewGpuPlan({ ...parts, gpuHost: parts.gpu.host }, call, signal),
    metrics: node.metrics,
    log,
  });
  servers.push(api);
  await listenOnSocket(api, agentPaths(options.dataDir, options.runDir).socket);
  if (options.metricsListen !== null) {
    const metrics = createMetricsApi(node.metrics, log);
    servers.push(metrics);
    await metrics.listen(parseListen(options.metricsListen));
  }
  if (options.registryListen !== null) {
    const listen = parseListen(options.registryListen);
    const registryLog = log.child({ room: "registry" });
    servers.push(await startRegistry({ dataDir: options.dataDir, listen, native, clock, log: registryLog }));
  }
}

/**
 * A node that never joined has nothing to look after, so a refused token ends the agent at once, where the operator sees
 * it. An unreachable control plane is waited for.
 */
async function firstJoin(membership: Membership, { clock, log }: { clock: Clock; log: Logger }, signal: AbortSignal): Promise<void> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      await membership.ensure(signal);
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!isBerthError(error) || !error.retryable) throw error;
      log[failures === 1 ? "warn" : "debug"]({ err: error }, "cannot join yet, will try again");
      await pause(clock, backoffMs(failures, 250, 5_000, Math.random), signal);
    }
  }
}
