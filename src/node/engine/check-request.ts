import { BerthError } from "../../shared/domain/index.ts";
import type { ContainerRequest } from "./types.ts";

const CONTAINER_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;
const HOSTNAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,62})$/;
const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;

/** Folders of the kernel and the runtime: a mount over them would undo the protection of the others. */
const RESERVED_TARGETS = ["/proc", "/sys", "/dev"];

/**
 * What must hold whoever calls: these texts become file names, mount targets and cgroup names.
 * @throws BerthError invalid_request
 */
export function checkRequest(request: ContainerRequest): void {
  checkContainerId(request.id);
  refuseUnless(HOSTNAME.test(request.hostname), "/hostname", `hostname ${JSON.stringify(request.hostname)} is not a host name`);
  refuseUnless(positiveInteger(request.pidsLimit), "/pidsLimit", `pids limit ${request.pidsLimit} is not a positive number`);
  for (const field of ["cpuMillis", "memoryBytes", "shmBytes", "storageBytes"] as const) {
    const value = request[field] ?? null;
    refuseUnless(value === null || positiveInteger(value), `/${field}`, `${field} ${value} is not a positive number`);
  }
  request.mounts.forEach((mount, index) => {
    checkTarget(mount.target, `/mounts/${index}/target`);
    if (mount.type === "volume") checkVolumeName(mount.source, `/mounts/${index}/source`);
  });
}

/** @throws BerthError invalid_request */
export function checkContainerId(id: string): void {
  refuseUnless(CONTAINER_ID.test(id), "/id", `container id ${JSON.stringify(id)} is not [a-z0-9][a-z0-9-]{0,62}`);
}

/** @throws BerthError invalid_request */
export function checkVolumeName(name: string, field: string): void {
  refuseUnless(VOLUME_NAME.test(name), field, `volume name ${JSON.stringify(name)} is not [a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}`);
}

function checkTarget(target: string, field: string): void {
  const segments = target.split("/").slice(1);
  const clean =
    target.startsWith("/") && target !== "/" && segments.every((segment) => segment !== "" && segment !== "." && segment !== "..");
  refuseUnless(clean && !/[\0\n]/.test(target), field, `mount target ${JSON.stringify(target)} is not a plain absolute path`);
  const reserved = RESERVED_TARGETS.find((folder) => target === folder || target.startsWith(`${folder}/`));
  refuseUnless(reserved === undefined, field, `mount target ${target} lies in ${reserved}`);
}

function positiveInteger(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function refuseUnless(holds: boolean, field: string, message: string): void {
  if (!holds) throw new BerthError("invalid_request", message, { field });
}
