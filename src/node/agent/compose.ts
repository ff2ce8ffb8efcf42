import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, type NodeUserns } from "../../shared/domain/index.ts";
import { createRegistryAccess, type RegistryAccess } from "../../shared/oci/index.ts";
import { createEngine, type NodeEngine } from "../engine/index.ts";
import {
  createGpuHost,
  createMpsDaemons,
  type GpuHost,
  type GpuXid,
  isMpsInstalled,
  parseSimulatedMig,
  prepareSimulatedGpus,
} from "../gpu/index.ts";
import {
  createImageStore,
  createSnapshots,
  createTrustGate,
  type ImageStore,
  probeDriver,
  type Snapshots,
  storePaths,
  type TrustGate,
} from "../images/index.ts";
import { builtFiles, packageRoot, readBootId, readCgroupLayout, readHostFacts } from "../platform/index.ts";
import type { AgentParts } from "./agent.ts";
import { type AgentMetrics, createAgentMetrics } from "./agent-metrics.ts";
import type { AgentOptions } from "./agent-options.ts";
import { composeMembership, type MembershipParts } from "./compose-membership.ts";
import { composePeers, type PeerParts } from "./compose-peers.ts";
import { composeUserns } from "./compose-userns.ts";
import type { ControlPlaneClient } from "./control-plane-client.ts";
import { runDiagnostic } from "./diagnostics/run-diagnostic.ts";
import { createEnsureImage } from "./ensure-image.ts";
import { createGpuMemoryPeaks } from "./gpu-memory-peaks.ts";
import type { Ground } from "./ground.ts";
import type { Membership } from "./membership.ts";
import { findNodeAddress } from "./node-address.ts";
import { type NodeFactsSource, openNodeFacts } from "./node-facts.ts";
import { agentPaths } from "./paths.ts";
import { openReplicaRecords } from "./replica-records.ts";

const FACTS_MS = 30_000;

export interface GpuParts {
  host: GpuHost;
  driverRoot: string;
  simulated: boolean;
}

export interface EngineParts {
  images: ImageStore;
  snapshots: Snapshots;
  engine: NodeEngine;
  gpu: GpuParts;
  registries: RegistryAccess;
  trust: TrustGate;
  member: MembershipParts;
  /** Null when this node has no part in peers. */
  peers: PeerParts | null;
  address: string;
  userns: NodeUserns;
}

/** The real driver's GPUs, or simulated ones: from here on nothing tells them apart but what is shown. */
async function composeGpu({ options, native, clock, log }: Ground): Promise<GpuParts> {
  const simulated = options.simulateGpus > 0;
  if (!simulated && options.simulateMig?.length) throw new BerthError("invalid_request", "--simulate-mig needs --simulate-gpus");
  const root = simulated
    ? (
        await prepareSimulatedGpus({
          stateDir: options.dataDir,
          count: options.simulateGpus,
          ...(options.simulateMig?.length ? { mig: parseSimulatedMig(options.simulateMig) } : {}),
          fakeBuildDir: builtFiles(packageRoot()).fakeNvidia,
        })
      ).driverRoot
    : (options.driverRoot ?? "/");
  if (simulated) log.warn({ gpus: options.simulateGpus }, "GPUs are SIMULATED: jobs get device nodes and libraries that compute nothing");
  const { dataDir: stateDir, allowGpuDevices: allowedExtras } = options;
  const host = await createGpuHost({ native, clock, driverRoot: root, simulated, stateDir, allowedExtras });
  return { host, driverRoot: root, simulated };
}

/**
 * Looks at the machine, reads or makes the node's identity and wires the engine; nothing of it runs before
 * `engine.recover()`.
 * @throws BerthError missing_requirement, invalid_request for options that contradict each other
 */
export async function composeEngine(ground: Ground): Promise<EngineParts> {
  const { options, native, clock, log } = ground;
  const { dataDir, runDir, allowBind, runtime } = options;
  const gpu = await composeGpu(ground);
  const address = options.address ?? (await findNodeAddress(options.join));
  const registries = createRegistryAccess({ env: process.env, clock });
  const trust = composeTrust(options, registries);
  const member = await composeMembership(ground);
  const peers = composePeers(ground, member, address);
  const wrap = peers === null ? {} : { wrapSource: peers.sources.wrap };
  const images = await createImageStore({ dataDir, native, clock, trust, ...wrap });
  const snapshots = await composeSnapshots(ground);
  const userns = await composeUserns(options.userns, snapshots, log);
  const engine = createEngine({
    dataDir,
    runDir,
    native,
    images,
    snapshots,
    gpuHost: gpu.host,
    allowBind,
    clock,
    logger: log.child({ room: "engine" }),
    programs: builtFiles(packageRoot()),
    runtime,
    advertiseAddress: address,
    userns: userns.setting,
  });
  return { images, snapshots, engine, gpu, registries, trust, member, peers, address, userns: userns.fact };
}

/** Copies are the way out where overlayfs is missing: the operator should know what each start costs. */
async function composeSnapshots({ options, native, clock, log }: Ground): Promise<Snapshots> {
  const { dataDir } = options;
  const { driver, reason } = await probeDriver({ dataDir, native, clock, wanted: options.storageDriver ?? "auto" });
  if (driver === "vfs") log.warn({ driver, reason }, "each container gets a copy of its image, and storage limits are refused");
  else log.info({ driver, reason }, "chose the storage driver");
  return createSnapshots({ dataDir, native, clock, driver, owners: options.userns?.layers ?? "auto" });
}

/** A policy that was named must be there; the data dir's own may be missing, and then everything is allowed. */
function composeTrust({ dataDir, trustPolicy }: AgentOptions, registries: RegistryAccess): TrustGate {
  const paths = storePaths(dataDir);
  return createTrustGate({
    policyPath: trustPolicy ?? paths.trustPolicy,
    required: trustPolicy !== undefined,
    evidenceFolder: paths.trustEvidence,
    clientFor: (reference) => registries.clientFor(reference, null),
  });
}

export interface NodeParts {
  agent: AgentParts;
  facts: NodeFactsSource;
  metrics: AgentMetrics;
  client: ControlPlaneClient;
  membership: Membership;
}

/** Call after `engine.recover()`: only then the runtime is chosen. */
export async function composeAgent(ground: Ground, parts: EngineParts): Promise<NodeParts> {
  const { options, native, clock, log } = ground;
  const { engine, gpu, images, registries, trust, address, userns } = parts;
  const paths = agentPaths(options.dataDir, options.runDir);
  const peaks = createGpuMemoryPeaks(() => engine.list());
  const facts = await openNodeFacts({
    fixed: { ...(await readFixedFacts(engine)), userns, ...(options.labels === undefined ? {} : { labels: { ...options.labels } }) },
    dataDir: options.dataDir,
    gpuInventory: () => gpu.host.inventory(),
    imageLayers: async () => (await images.list()).flatMap(({ layers }) => layers),
    mpsInstalled: () => isMpsInstalled(gpu.driverRoot),
    watchGpus: (onEvent, signal) => gpu.host.watch((xid) => xidSeen(ground, engine, xid, onEvent), peaks.observe, signal),
    clock,
    log,
  });
  const { client, membership } = parts.member;
  const hostname = facts.current().hostname;
  const metrics = createAgentMetrics({
    hostname,
    containers: () => engine.list(),
    ...(parts.peers === null ? {} : { imageBytes: parts.peers.bytes }),
    gpus: () => gpu.host.status().gpus,
    xidCounts: gpu.host.xidCounts,
    clock,
  });
  const agent: AgentParts = {
    engine,
    ensureImage: createEnsureImage({ images, registries, trust }),
    client,
    membership,
    facts,
    metrics,
    mps: createMpsDaemons({ folder: paths.mps, driverRoot: gpu.driverRoot, clock }),
    records: await openReplicaRecords(paths.replicas),
    peakGpuMemory: peaks.peakOf,
    bootTimeMs: () => native.bootTimeMs(),
    bootId: await readBootId(),
    incarnation: randomUUID(),
    address,
    clock,
    random: Math.random,
    diagnose: (gpuUuid, signal) => runDiagnostic({ gpuHost: gpu.host, clock, program: options.diagnostic ?? null }, gpuUuid, signal),
    log,
  };
  return { agent, facts, metrics, client, membership };
}

function xidSeen({ log }: Ground, engine: NodeEngine, { uuid, xid, text, class: kind }: GpuXid, onEvent: () => void): void {
  const containers = engine.list().filter(({ state, gpuUuids }) => state === "running" && gpuUuids.includes(uuid));
  log.warn({ gpu: uuid, xid, class: kind, containers: containers.map(({ id }) => id) }, `GPU driver reports XID ${xid}: ${text}`);
  onEvent();
}

async function readFixedFacts(engine: NodeEngine) {
  const [host, cgroups, version] = await Promise.all([readHostFacts({ timeoutMs: FACTS_MS }), readCgroupLayout(), readVersion()]);
  const { hostname, os, kernel, architecture, cpus, memoryBytes } = host;
  const runtime = engine.runtime();
  return {
    ...{ hostname, os, kernel, architecture, cpus, memoryBytes },
    cgroupMode: cgroups.mode,
    runtime: `${runtime.name} ${runtime.version}`,
    berthVersion: version,
  };
}

async function readVersion(): Promise<string> {
  const manifest = JSON.parse(await readFile(join(packageRoot(), "package.json"), "utf8")) as { version: string };
  return manifest.version;
}
