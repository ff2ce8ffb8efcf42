import type { Check } from "./check.ts";
import { checkCgroups } from "./checks/cgroups.ts";
import { checkGpu } from "./checks/gpu.ts";
import { checkBuiltFiles, checkKernel, checkNamespaces, checkNode, checkPrivileges, checkSeccomp, checkUser } from "./checks/host.ts";
import { checkRedisSettings } from "./checks/redis-settings.ts";
import { checkDisk, checkOverlay } from "./checks/storage.ts";
import { checkBootstrap, checkConmon, checkNetwork, checkRedisServer, checkRuntimes } from "./checks/tools.ts";
import type { MachineFacts } from "./machine-facts.ts";

/** Judges a machine: every check, in the order a person reads them. Pure. */
export function judgeMachine(facts: MachineFacts): Check[] {
  return [
    checkNode(facts),
    checkBuiltFiles(facts),
    checkUser(facts),
    checkPrivileges(facts),
    checkKernel(facts),
    checkNamespaces(facts),
    checkSeccomp(facts),
    checkCgroups(facts),
    checkOverlay(facts),
    checkDisk(facts),
    ...checkRuntimes(facts),
    checkConmon(facts),
    checkNetwork(facts),
    checkBootstrap(facts),
    checkRedisServer(facts),
    ...checkRedisSettings(facts),
    checkGpu(facts),
  ];
}
