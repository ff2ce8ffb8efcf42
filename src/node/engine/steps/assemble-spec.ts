import type { Image } from "../../images/index.ts";
import type { IdMapping } from "../../platform/index.ts";
import { buildSpec, type MountInput, type OciSpec, type ProcessInput } from "../../runtime/index.ts";
import type { EngineCore } from "../engine-core.ts";
import { cgroupOf } from "../monitored.ts";
import type { ContainerRequest } from "../types.ts";
import type { GpuInjection } from "./inject-gpus.ts";
import type { JoinedNetwork } from "./join-network.ts";
import type { MountedRootfs } from "./mount-rootfs.ts";

export interface PreparedContainer {
  request: ContainerRequest;
  image: Image;
  mounts: MountInput[];
  idMapping: IdMapping | null;
  mounted: MountedRootfs;
  network: JoinedNetwork;
  gpus: GpuInjection;
  identityFiles: { hosts: string; hostname: string; resolvConf: string };
}

/** Puts what the steps prepared into one OCI spec. */
export function assembleSpec(core: EngineCore, prepared: PreparedContainer): OciSpec {
  const { request, gpus } = prepared;
  const process = processInput(request, prepared.image);
  return buildSpec({
    id: request.id,
    rootfs: prepared.mounted.rootfs,
    hostname: request.hostname,
    cgroupsPath: cgroupOf(core.paths, request.id),
    // Last word: neither image nor job may claim other GPUs than the plan's.
    process: { ...process, env: { ...process.env, ...gpus.env } },
    user: prepared.mounted.user,
    idMapping: prepared.idMapping,
    agent: core.privileges,
    seccomp: core.seccomp,
    network: prepared.network.spec,
    // The daemon and its clients pass memory through one /dev/shm: it covers the container's own.
    mounts: [
      ...(request.mps === undefined ? [] : [{ source: request.mps.shmFolder, target: "/dev/shm", readOnly: false }]),
      ...prepared.mounts,
    ],
    identityFiles: prepared.identityFiles,
    shmBytes: request.shmBytes,
    resources: {
      cpuMillis: request.cpuMillis,
      memoryBytes: request.memoryBytes,
      pidsLimit: request.pidsLimit,
      swapAccounting: core.cgroups.swapAccounting,
      deviceRules: gpus.deviceRules,
    },
    prestartHooks: gpus.hooks,
    hostMaskedPaths: core.hostMaskedPaths,
    readonlyRootfs: false,
  });
}

/** Image and request side by side; which of them wins says the runtime room, as Docker does it. */
export function processInput(request: Pick<ContainerRequest, "command" | "args" | "env" | "workdir">, image: Image): ProcessInput {
  const { Entrypoint, Cmd, Env, WorkingDir } = image.config.config;
  return {
    image: { entrypoint: Entrypoint ?? [], cmd: Cmd ?? [], env: Env ?? [], workingDir: WorkingDir ?? "" },
    command: request.command,
    args: request.args,
    env: request.env,
    workdir: request.workdir,
  };
}
