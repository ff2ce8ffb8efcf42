import { chmod, mkdir, writeFile } from "node:fs/promises";
import { BerthError, isBerthError } from "../../shared/domain/index.ts";
import type { Image } from "../images/index.ts";
import { type IdMapping, identifyProcess } from "../platform/index.ts";
import { type MountInput, resolveCwd } from "../runtime/index.ts";
import { checkRequest } from "./check-request.ts";
import { makeCheckpointFolder } from "./checkpoint-file.ts";
import { chooseUserNamespace } from "./choose-user-namespace.ts";
import { type ContainerRecord, storedRequest } from "./container-record.ts";
import type { EngineCore } from "./engine-core.ts";
import { cgroupOf, monitored } from "./monitored.ts";
import { containerPaths } from "./paths.ts";
import { writeRecord } from "./record-store.ts";
import { discard } from "./remove.ts";
import { settleAll } from "./settle-all.ts";
import { assembleSpec, type PreparedContainer, processInput } from "./steps/assemble-spec.ts";
import { injectGpus } from "./steps/inject-gpus.ts";
import { joinNetwork } from "./steps/join-network.ts";
import { mountRootfs } from "./steps/mount-rootfs.ts";
import { resolveMounts } from "./steps/resolve-mounts.ts";
import { unpackImage } from "./steps/unpack-image.ts";
import { writeIdentityFiles } from "./steps/write-identity-files.ts";
import type { ContainerRequest } from "./types.ts";

/**
 * Creates and starts one container. What does not depend on each other runs side by side.
 * A failure anywhere takes back everything, by the same path that recover() and remove() take.
 * @throws BerthError image_not_found, gpu_unavailable, port_unavailable, mount_forbidden, invalid_request, container_start_failed, conflict
 */
export async function run(
  core: EngineCore,
  request: ContainerRequest,
  progress: (message: string) => void,
  signal: AbortSignal,
): Promise<ContainerRecord> {
  checkRequest(request);
  if (core.table.get(request.id) !== null) throw new BerthError("conflict", `container ${request.id} exists already`);
  const idMapping = chooseUserNamespace(request.userns, core.options.userns ?? null);
  const [image, mounts] = await Promise.all([
    unpackImage(core.options.images, request.image, progress, signal),
    resolveMounts(request.mounts, { volumes: core.paths.volumes, allowBind: core.options.allowBind, owner: idMapping }),
  ]);
  const held: { record: ContainerRecord } = { record: newRecord(core, request, image) };
  try {
    progress("starting");
    return await createAndStart(core, held, { request, image, mounts, idMapping }, signal);
  } catch (error) {
    core.table.delete(request.id);
    await discard(core, held.record);
    throw error;
  }
}

type Request = Pick<PreparedContainer, "request" | "image" | "mounts" | "idMapping">;

async function createAndStart(
  core: EngineCore,
  held: { record: ContainerRecord },
  wanted: Request,
  signal: AbortSignal,
): Promise<ContainerRecord> {
  const prepared = await prepare(core, held, wanted);
  signal.throwIfAborted();
  const { id } = wanted.request;
  const container = monitored(core.paths, id);
  await writeFile(containerPaths(core.paths, id).config, JSON.stringify(assembleSpec(core, prepared)), { mode: 0o600 });
  const { pid } = await core.monitor.create(container, signal).catch((error: unknown) => {
    throw startError(error, wanted.request);
  });
  held.record = { ...held.record, phase: "starting", process: await identified(pid, id) };
  await writeRecord(core.paths, held.record);
  await core.runtime.start(id);
  held.record = { ...held.record, phase: "running", startedAt: core.options.clock.now() };
  await writeRecord(core.paths, held.record);
  return held.record;
}

/** Everything the spec needs, side by side. Waits for all of them even if one fails: nothing may start after the take-back. */
async function prepare(
  core: EngineCore,
  held: { record: ContainerRecord },
  { request, image, mounts, idMapping }: Request,
): Promise<PreparedContainer> {
  const files = containerPaths(core.paths, request.id);
  await mkdir(files.bundle, { recursive: true, mode: 0o700 });
  // The folders above let nobody else pass: see letSearch.
  if (idMapping !== null) await chmod(files.dir, 0o711);
  const [rootfs, joined, own] = await settleAll([
    gpusAndRootfs(core, request, image, idMapping),
    joinAndName(core, held, request, idMapping),
    ownMounts(request, files.checkpoint),
    mkdir(files.monitor, { mode: 0o700 }),
    lease(core, request),
    writeRecord(core.paths, held.record),
  ]);
  return { request, image, idMapping, mounts: [...mounts, ...own], ...rootfs, ...joined };
}

async function ownMounts({ checkpoints }: ContainerRequest, folder: string): Promise<MountInput[]> {
  return checkpoints === true ? [await makeCheckpointFolder(folder)] : [];
}

/** One after the other: the GPU driver brings a layer of its own to the mount. */
async function gpusAndRootfs(core: EngineCore, request: ContainerRequest, image: Image, idMapping: IdMapping | null) {
  const { native, snapshots, gpuHost, programs } = core.options;
  const files = containerPaths(core.paths, request.id);
  const process = processInput(request, image);
  const gpus = await injectGpus({
    gpuHost,
    uuids: request.gpuUuids,
    mpsFolder: request.mps?.pipeFolder ?? null,
    process,
    lowerDirs: () => snapshots.lowerDirs(image.chainIds),
    planFile: files.injectionPlan,
    hook: programs.gpuPrestart,
  });
  const user = request.user ?? image.config.config.User ?? "";
  const { chainIds } = image;
  const mounted = await mountRootfs({
    native,
    snapshots,
    dir: files.dir,
    chainIds,
    topLayers: gpus.topLayers,
    writableBytes: request.storageBytes ?? null,
    idMapping,
    user,
    cwd: resolveCwd(process),
  });
  return { gpus, mounted };
}

async function joinAndName(core: EngineCore, held: { record: ContainerRecord }, request: ContainerRequest, owner: IdMapping | null) {
  const network = await joinNetwork(request.network, core.networks, request.ports ?? []);
  held.record = { ...held.record, network: network.record };
  const identityFiles = await writeIdentityFiles({
    folder: containerPaths(core.paths, request.id).etc,
    owner,
    hostname: request.hostname,
    mode: request.network,
    address: request.network === "host" ? (core.options.advertiseAddress ?? null) : (network.record?.address ?? null),
  });
  return { network, identityFiles };
}

/** A failing hook is about the GPUs: another node may do better. */
function startError(error: unknown, request: ContainerRequest): unknown {
  const ofHook = request.gpuUuids.length > 0 && isBerthError(error, "container_start_failed") && /hook/.test(error.message);
  return ofHook ? new BerthError("gpu_injection_failed", error.message, { cause: error }) : error;
}

/** Before the container exists: from its first moment on there is somebody who ends it in time. */
async function lease(core: EngineCore, request: ContainerRequest): Promise<void> {
  if (request.leaseDeadlineMs === null) return;
  if (request.leaseDeadlineMs <= core.options.native.bootTimeMs()) {
    throw new BerthError("lease_expired", `the lease of ${request.id} is already over`);
  }
  await core.leases.write(request.id, request.leaseDeadlineMs, core.cgroups.folders(cgroupOf(core.paths, request.id)));
  await core.leases.ensureGuard();
}

async function identified(pid: number, id: string) {
  const process = await identifyProcess(pid);
  if (process === null) throw new BerthError("container_start_failed", `the process of container ${id} ended before it was started`);
  return process;
}

function newRecord(core: EngineCore, request: ContainerRequest, image: Image): ContainerRecord {
  return {
    version: 1,
    phase: "creating",
    request: storedRequest(request),
    imageDigest: image.digest,
    chainIds: image.chainIds,
    stopSignal: request.stopSignal ?? image.config.config.StopSignal ?? "SIGTERM",
    runtime: core.runtime.name,
    bootId: core.bootId,
    process: null,
    network: null,
    createdAt: core.options.clock.now(),
    startedAt: null,
    exit: null,
  };
}
