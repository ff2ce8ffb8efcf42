import {
  BerthError,
  type JobSpec,
  type MountRequest,
  parseBytes,
  parseCpuMillis,
  parseDurationSeconds,
  type ResourceRequest,
  resolveArray,
} from "../domain/index.ts";
import type { JobSpecInput } from "./job-spec-schema.ts";
import { LIMITS } from "./limits.ts";
import { gpuUnits } from "./resolve-gpu-units.ts";
import { gpuWishes, resolvePlacement, resolveReplicas } from "./resolve-placement.ts";
import { hostPorts, resolvePorts } from "./resolve-ports.ts";

const DEFAULT_CPU_MILLIS = 1000;
const DEFAULT_MEMORY_BYTES = 1024 ** 3;
const DEFAULT_STOP_GRACE_SECONDS = 30;
const DEFAULT_CHECKPOINT_GRACE_SECONDS = 300;

/**
 * Reads the units and fills in the defaults of a spec that already fits `JobSpecSchema`.
 * @throws BerthError invalid_job_spec, with `field` as a JSON pointer ("/resources/memory")
 */
export function resolveJobSpec(input: JobSpecInput): JobSpec {
  const { replicas, ...elastic } = resolveReplicas(input.replicas ?? 1);
  checkEnvironment(input.env ?? {});
  const network = input.network ?? (replicas > 1 ? "host" : "bridge");
  const published = resolvePorts(input.ports, network);
  return {
    name: input.name,
    image: input.image,
    ...(input.pull === undefined ? {} : { pull: input.pull }),
    command: input.command ?? null,
    args: input.args ?? null,
    env: { ...input.env },
    workdir: input.workdir ?? null,
    resources: { ...resolveResources(input), ...hostPorts(published) },
    replicas,
    priority: input.priority ?? 0,
    project: input.project ?? "default",
    timeLimitSeconds: input.timeLimit === undefined ? null : duration("/timeLimit", input.timeLimit, 1, LIMITS.durationSeconds),
    stopGraceSeconds:
      input.stopGrace === undefined ? DEFAULT_STOP_GRACE_SECONDS : duration("/stopGrace", input.stopGrace, 0, LIMITS.stopGraceSeconds),
    retries: input.retries ?? 0,
    mounts: resolveMounts(input),
    network,
    ...published,
    ...(input.userns === undefined ? {} : { userns: input.userns }),
    labels: { ...input.labels },
    ...elastic,
    ...resolveArray(input.array),
    ...resolveCheckpoint(input.checkpoint),
    ...resolvePlacement(input, (disk) => bytes("/resources/disk", disk, 1)),
  };
}

function resolveCheckpoint(asked: JobSpecInput["checkpoint"]): Pick<JobSpec, "checkpoint"> {
  if (asked === undefined) return {};
  const { signal = "SIGUSR1", grace, interval } = asked;
  const graceSeconds =
    grace === undefined ? DEFAULT_CHECKPOINT_GRACE_SECONDS : duration("/checkpoint/grace", grace, 1, LIMITS.stopGraceSeconds);
  const intervalSeconds = interval === undefined ? null : duration("/checkpoint/interval", interval, 1, LIMITS.durationSeconds);
  return { checkpoint: { signal, graceSeconds, intervalSeconds } };
}

/** Below it a file system holds little but its own tables. */
const LEAST_STORAGE_BYTES = 16 * 1024 ** 2;

function resolveResources(input: JobSpecInput): ResourceRequest {
  const asked = input.resources ?? {};
  const size = (name: "memory" | "shm", least: number) => {
    const value = asked[name];
    return value === undefined ? null : bytes(`/resources/${name}`, value, least);
  };
  return {
    gpuModel: asked.gpuModel ?? null,
    ...gpuUnits(
      asked,
      gpuWishes(asked, (text) => bytes("/resources/gpuMemory", text, 1)),
    ),
    cpuMillis: asked.cpus === undefined ? DEFAULT_CPU_MILLIS : cpus("/resources/cpus", asked.cpus),
    memoryBytes: size("memory", 4 * 1024 ** 2) ?? DEFAULT_MEMORY_BYTES,
    shmBytes: size("shm", 0),
    ...(asked.storage === undefined ? {} : { storageBytes: bytes("/resources/storage", asked.storage, LEAST_STORAGE_BYTES) }),
  };
}

function resolveMounts(input: JobSpecInput): MountRequest[] {
  const long = (input.mounts ?? []).map(
    (mount): MountRequest => ({
      type: mount.type ?? "volume",
      source: mount.source,
      target: mount.target,
      readOnly: mount.readOnly ?? false,
    }),
  );
  const short = Object.entries(input.volumes ?? {}).map(
    ([source, target]): MountRequest => ({ type: "volume", source, target, readOnly: false }),
  );
  const all = [...long, ...short];
  for (const [position, mount] of all.entries()) {
    checkMount(mount, position < long.length ? `/mounts/${position}` : `/volumes/${mount.source}`);
  }
  const repeated = all.find((mount, position) => all.findIndex((other) => other.target === mount.target) !== position);
  if (repeated) refuse("/mounts", `${repeated.target} is mounted twice`);
  return all;
}

function checkMount(mount: MountRequest, field: string): void {
  const segments = mount.target.split("/");
  if (segments.includes("..") || mount.target.includes("\0"))
    refuse(`${field}/target`, `${JSON.stringify(mount.target)} must not contain ..`);
  if (mount.target === "/") refuse(`${field}/target`, "a mount cannot replace the root folder");
  if (/^\/(proc|sys|dev)(\/|$)/.test(mount.target) && !mount.target.startsWith("/dev/shm/")) {
    refuse(`${field}/target`, `${mount.target} belongs to the container runtime`);
  }
  const sourceIsName = /^[a-z0-9][-_.a-z0-9]{0,62}$/.test(mount.source);
  if (mount.type === "volume" && !sourceIsName) refuse(`${field}/source`, `${JSON.stringify(mount.source)} is not a volume name`);
  if (mount.type === "bind" && (!mount.source.startsWith("/") || mount.source.split("/").includes(".."))) {
    refuse(`${field}/source`, `${JSON.stringify(mount.source)} is not an absolute path without ..`);
  }
}

function checkEnvironment(env: Record<string, string>): void {
  const total = Object.entries(env).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  if (total > LIMITS.envTotalBytes) refuse("/env", `${total} bytes of environment are more than ${LIMITS.envTotalBytes}`);
  const broken = Object.entries(env).find(([, value]) => value.includes("\0"));
  if (broken) refuse(`/env/${broken[0]}`, "an environment value cannot hold a NUL byte");
}

function bytes(field: string, value: string | number, least: number): number {
  return within(
    field,
    read(field, () => parseBytes(value)),
    least,
    LIMITS.memoryBytes,
    `${value}`,
    "64Ti",
  );
}

function cpus(field: string, value: string | number): number {
  return within(
    field,
    read(field, () => parseCpuMillis(value)),
    1,
    LIMITS.cpuMillis,
    `${value}`,
    "4096",
  );
}

function duration(field: string, value: string | number, least: number, most: number): number {
  return within(
    field,
    read(field, () => parseDurationSeconds(value)),
    least,
    most,
    `${value}`,
    `${most}s`,
  );
}

function read(field: string, parse: () => number): number {
  try {
    return parse();
  } catch (error) {
    throw new BerthError("invalid_job_spec", `${field}: ${(error as Error).message}`, { cause: error, field });
  }
}

function within(field: string, value: number, least: number, most: number, written: string, mostWritten: string): number {
  if (value < least) refuse(field, `${written} is too small`);
  if (value > most) refuse(field, `${written} is more than the limit of ${mostWritten}`);
  return value;
}

function refuse(field: string, message: string): never {
  throw new BerthError("invalid_job_spec", `${field}: ${message}`, { field });
}
