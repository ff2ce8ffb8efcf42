import { createHash } from "node:crypto";
import { join } from "node:path";

/**
 * The engine's whole disk layout.
 *
 *   <data-dir>/containers/<id>/        0700
 *     container.json                   the record: phase, request, exit (durable)
 *     bundle/{config.json,injection-plan.json}   conmon's sockets appear here too
 *     upper/ work/ rootfs/             the overlay, by the images room
 *     checkpoint/done                  touched by the job, if it writes checkpoints
 *     etc/{hosts,hostname,resolv.conf} shown inside the container
 *     monitor/{conmon.pid,container.pid,conmon.log,persist/}
 *     log                              k8s-file lines
 *   <data-dir>/volumes/<name>/data
 *   <data-dir>/runtime-probe.json      which runtime works here, and how fast
 *   <run-dir>/exits/<id>               exit codes, by conmon
 *   <run-dir>/runtime/<crun|runc>/     the runtime's state
 *   <run-dir>/leases/<id>{,.expired}
 *   <run-dir>/lease-guard.log
 *   <run-dir>/netns/<name>             pinned network namespaces
 *   <run-dir>/network/                 bridge.json, slots/, ipam/
 */
export interface EnginePaths {
  dataDir: string;
  containers: string;
  volumes: string;
  probe: string;
  exits: string;
  runtimeState: string;
  leases: string;
  leaseGuardLog: string;
  netns: string;
  network: string;
  /** 12 hex digits that tell this engine's cgroups and bridge from another's on the same machine. */
  instance: string;
  /** "/berth/<instance>" */
  cgroup: string;
}

/**
 * The instance is of `runDir`, not of the data dir: two engines never share sockets and leases, so they never share
 * cgroups.
 */
export function enginePaths(dataDir: string, runDir: string): EnginePaths {
  const instance = createHash("sha256").update(runDir).digest("hex").slice(0, 12);
  return {
    dataDir,
    containers: join(dataDir, "containers"),
    volumes: join(dataDir, "volumes"),
    probe: join(dataDir, "runtime-probe.json"),
    exits: join(runDir, "exits"),
    runtimeState: join(runDir, "runtime"),
    leases: join(runDir, "leases"),
    leaseGuardLog: join(runDir, "lease-guard.log"),
    netns: join(runDir, "netns"),
    network: join(runDir, "network"),
    instance,
    cgroup: `/berth/${instance}`,
  };
}

export interface ContainerPaths {
  dir: string;
  record: string;
  bundle: string;
  config: string;
  injectionPlan: string;
  monitor: string;
  log: string;
  etc: string;
  checkpoint: string;
}

/** `id` must have been checked: it becomes a folder's name. */
export function containerPaths(paths: EnginePaths, id: string): ContainerPaths {
  const dir = join(paths.containers, id);
  const bundle = join(dir, "bundle");
  return {
    dir,
    record: join(dir, "container.json"),
    bundle,
    config: join(bundle, "config.json"),
    injectionPlan: join(bundle, "injection-plan.json"),
    monitor: join(dir, "monitor"),
    log: join(dir, "log"),
    etc: join(dir, "etc"),
    checkpoint: join(dir, "checkpoint"),
  };
}
