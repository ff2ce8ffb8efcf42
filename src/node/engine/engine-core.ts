import type { Clock } from "../../shared/domain/index.ts";
import type { Logger } from "../../shared/observe/index.ts";
import type { GpuHost } from "../gpu/index.ts";
import type { ImageStore, Snapshots } from "../images/index.ts";
import type { BuiltFiles, IdMapping, Native, OwnPrivileges } from "../platform/index.ts";
import type { Monitor, OciRuntime, OciSeccomp } from "../runtime/index.ts";
import type { ContainerCgroups } from "./container-cgroups.ts";
import type { ContainerTable } from "./container-table.ts";
import type { Leases } from "./leases.ts";
import type { NetworkPool } from "./network/network-pool.ts";
import type { EnginePaths } from "./paths.ts";

export interface EngineOptions {
  dataDir: string;
  /** Short: a unix socket path has 107 characters. */
  runDir: string;
  native: Native;
  images: ImageStore;
  snapshots: Snapshots;
  /** Null on a machine without GPUs: requests for one are refused. */
  gpuHost: GpuHost | null;
  /** Host folders from which jobs may bind; none by default. */
  allowBind: readonly string[];
  /** The host ids of containers in user namespaces; left out or null runs all in the host's. */
  userns?: UsernsSetting | null;
  clock: Clock;
  logger: Logger;
  /** Built executables, see platform's builtFiles(). */
  programs: Pick<BuiltFiles, "leaseGuard" | "cgroupV1View" | "gpuPrestart">;
  /** "auto" takes the fastest that passes a probe. */
  runtime?: "auto" | "crun" | "runc";
  /** Bridge networks kept ready; 0 makes each on demand. */
  warmNetworks?: number;
  /** The address peers reach this node at: what the hostname means in host network mode. Null takes the first one found. */
  advertiseAddress?: string | null;
}

export interface UsernsSetting {
  mapping: IdMapping;
  /** Whether a container may ask for the host's user namespace all the same. */
  allowHost: boolean;
}

/** What the steps of the engine work with; made once by recover(). */
export interface EngineCore {
  options: EngineOptions;
  paths: EnginePaths;
  table: ContainerTable;
  /** The one that creates. */
  runtime: OciRuntime;
  /** Of any name a record may hold. */
  runtimes: ReadonlyMap<string, OciRuntime>;
  monitor: Monitor;
  cgroups: ContainerCgroups;
  seccomp: OciSeccomp;
  privileges: OwnPrivileges;
  hostMaskedPaths: string[];
  leases: Leases;
  networks: NetworkPool;
  bootId: string;
}
