import { join } from "node:path";
import { BerthError } from "../../shared/domain/index.ts";
import { type CgroupLayout, findProgram, readBootId, readCgroupLayout, readOwnPrivileges } from "../platform/index.ts";
import {
  commandRuntime,
  createConmonMonitor,
  describe,
  findHostMaskedPaths,
  findRuntimes,
  grantedCapabilities,
  loadSeccomp,
  needsV1View,
  type OciRuntime,
  type ProbeResult,
  probeRuntimes,
  type RuntimeCandidate,
  type Selection,
  selectRuntime,
} from "../runtime/index.ts";
import { createContainerCgroups } from "./container-cgroups.ts";
import { createContainerTable } from "./container-table.ts";
import type { EngineCore, EngineOptions } from "./engine-core.ts";
import { createLeases } from "./leases.ts";
import { createBridgeNetwork } from "./network/bridge-network.ts";
import { createNetworkPool } from "./network/network-pool.ts";
import type { EnginePaths } from "./paths.ts";

const WARM_NETWORKS = 1;

/**
 * Looks at the machine and wires the engine's parts.
 * @throws BerthError missing_requirement: no conmon, no runtime that works, no seccomp profile
 */
export async function assembleCore(options: EngineOptions, paths: EnginePaths): Promise<{ core: EngineCore; reason: string }> {
  const [conmon, bootId, privileges, layout, hostMaskedPaths] = await Promise.all([
    findConmon(),
    readBootId(),
    readOwnPrivileges(options.native),
    readCgroupLayout(),
    findHostMaskedPaths(),
  ]);
  const seccomp = await loadSeccomp(grantedCapabilities(privileges.capabilities));
  const cgroups = await createContainerCgroups(layout, options);
  const { candidates, results, selection } = await chooseRuntime(options, {
    defaults: { agent: privileges, seccomp, hostMaskedPaths, swapAccounting: cgroups.swapAccounting },
    cgroup: paths.cgroup,
    cgroupMode: layout.mode,
    cacheFile: paths.probe,
    clock: options.clock,
  });
  const runtimes = new Map(candidates.map((candidate) => [candidate.name as string, openRuntime(candidate, options, paths, layout)]));
  const runtime = runtimes.get(selection?.name ?? "");
  if (!runtime || !selection) throw noRuntime(results);
  options.logger.info({ runtime: `${runtime.name} ${runtime.version}`, reason: selection.reason }, "chose the container runtime");
  const onError = (message: string) => options.logger.warn(message);
  const core: EngineCore = {
    options,
    paths,
    table: createContainerTable(onError),
    runtime,
    runtimes,
    monitor: createConmonMonitor({ conmon, runtime, exitDir: paths.exits, native: options.native, clock: options.clock, onError }),
    cgroups,
    seccomp,
    privileges,
    hostMaskedPaths,
    leases: createLeases({
      dir: paths.leases,
      guard: options.programs.leaseGuard,
      guardLog: paths.leaseGuardLog,
      native: options.native,
      clock: options.clock,
    }),
    networks: createNetworkPool({
      network: createBridgeNetwork({ paths, native: options.native, clock: options.clock }),
      size: options.warmNetworks ?? WARM_NETWORKS,
      onError,
    }),
    bootId,
  };
  return { core, reason: selection.reason };
}

async function findConmon(): Promise<string> {
  const conmon = await findProgram("conmon");
  if (conmon === null) throw new BerthError("missing_requirement", "conmon is not installed: apt-get install conmon");
  return conmon;
}

async function chooseRuntime(
  options: EngineOptions,
  context: Parameters<typeof probeRuntimes>[2],
): Promise<{ candidates: RuntimeCandidate[]; results: ProbeResult[]; selection: Selection | null }> {
  const candidates = await findRuntimes();
  const mode = context.cgroupMode as CgroupLayout["mode"];
  const results = await probeRuntimes(candidates, (candidate) => programOf(candidate, options, mode), context);
  return { candidates, results, selection: selectRuntime(results, options.runtime ?? "auto") };
}

function openRuntime(candidate: RuntimeCandidate, options: EngineOptions, paths: EnginePaths, layout: CgroupLayout): OciRuntime {
  return commandRuntime({
    name: candidate.name,
    version: candidate.version,
    program: programOf(candidate, options, layout.mode),
    stateDir: join(paths.runtimeState, candidate.name),
  });
}

function programOf({ name, path }: RuntimeCandidate, options: EngineOptions, mode: CgroupLayout["mode"]): readonly [string, ...string[]] {
  return needsV1View(name, mode) ? [options.programs.cgroupV1View, path] : [path];
}

function noRuntime(results: readonly ProbeResult[]): BerthError {
  const tried = results.length === 0 ? "none is installed" : results.map(describe).join(", ");
  return new BerthError("missing_requirement", `no container runtime works here (${tried}): apt-get install crun`);
}
