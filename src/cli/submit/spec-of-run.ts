import { BerthError } from "../../shared/domain/index.ts";
import type { JobSpecInput } from "../../shared/wire/index.ts";

export interface RunOptions {
  name?: string;
  gpus?: number;
  gpuModel?: string;
  gpuMemory?: string;
  gpuSharing?: "time-slice" | "mps";
  mig?: string;
  cpus?: string;
  memory?: string;
  shmSize?: string;
  storageOpt?: string;
  env?: string[];
  envFile?: string[];
  volume?: string[];
  workdir?: string;
  entrypoint?: string;
  pull?: "always" | "missing" | "never";
  replicas?: number;
  array?: string;
  time?: string;
  priority?: number;
  project?: string;
  retries?: number;
  checkpointGrace?: string;
  checkpointInterval?: string;
  network?: "bridge" | "host" | "none";
  publish?: string[];
  userns?: "private" | "host";
  label?: string[];
}

/** The job that `berth run` options mean. `env` is the merged environment. Left out stays left out: the server has the defaults. */
export function specOfRun(image: string, args: readonly string[], options: RunOptions, env: Record<string, string>): JobSpecInput {
  // `run IMAGE -- CMD`, as kubectl users write it: the dashes are not the program.
  const command = args[0] === "--" ? args.slice(1) : args;
  const resources = present({
    gpus: options.gpus,
    gpuModel: options.gpuModel,
    gpuMemory: options.gpuMemory,
    gpuSharing: options.gpuSharing,
    mig: options.mig,
    cpus: options.cpus,
    memory: options.memory,
    shm: options.shmSize,
    storage: options.storageOpt,
  });
  return present({
    name: options.name ?? nameOfImage(image),
    image,
    pull: options.pull,
    command: options.entrypoint === undefined ? undefined : [options.entrypoint],
    args: command.length > 0 ? [...command] : undefined,
    env: Object.keys(env).length > 0 ? env : undefined,
    workdir: options.workdir,
    resources: Object.keys(resources).length > 0 ? resources : undefined,
    replicas: options.replicas,
    array: options.array,
    priority: options.priority,
    project: options.project,
    timeLimit: options.time,
    retries: options.retries,
    checkpoint: checkpointOf(options),
    mounts: options.volume?.map(parseVolume),
    network: options.network,
    ports: options.publish,
    userns: options.userns,
    labels: options.label ? Object.fromEntries(options.label.map(parseLabel)) : undefined,
  }) as JobSpecInput;
}

function checkpointOf({ checkpointGrace: grace, checkpointInterval: interval }: RunOptions): JobSpecInput["checkpoint"] {
  return grace === undefined && interval === undefined ? undefined : present({ grace, interval });
}

/** "registry:5000/team/Trainer:v2" -> "trainer": a name for a job that was given none. */
export function nameOfImage(image: string): string {
  const last = image.split("@")[0]?.split("/").at(-1)?.split(":")[0] ?? "";
  const name = last
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 63)
    .replace(/^-+|-+$/g, "");
  return name === "" ? "job" : name;
}

/**
 * "data:/data:ro" -> a volume, "/srv/data:/data" -> a bind mount of a host folder.
 * @throws BerthError invalid_request
 */
export function parseVolume(text: string): { type: "volume" | "bind"; source: string; target: string; readOnly: boolean } {
  const [source = "", target = "", mode, ...more] = text.split(":");
  const known = mode === undefined || mode === "ro" || mode === "rw";
  if (source === "" || !target.startsWith("/") || !known || more.length > 0) {
    throw new BerthError("invalid_request", `${JSON.stringify(text)} is not a volume; write it like data:/data or /srv/data:/data:ro`, {
      field: "--volume",
    });
  }
  return { type: source.startsWith("/") ? "bind" : "volume", source, target, readOnly: mode === "ro" };
}

function parseLabel(text: string): [string, string] {
  const split = text.indexOf("=");
  return split < 0 ? [text, ""] : [text.slice(0, split), text.slice(split + 1)];
}

function present<T extends object>(value: T): { [Key in keyof T]?: NonNullable<T[Key]> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as { [Key in keyof T]?: NonNullable<T[Key]> };
}
