import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { BerthError, type NetworkMode } from "../../shared/domain/index.ts";
import { exists, SYSTEM_PATH } from "../platform/index.ts";
import { buildSpec, type OciSpec, type ResolvedUser } from "../runtime/index.ts";
import type { EngineCore } from "./engine-core.ts";
import { cgroupOf } from "./monitored.ts";
import { release } from "./release.ts";
import { type JoinedNetwork, joinNetwork } from "./steps/join-network.ts";
import { prepareRootfs } from "./steps/mount-rootfs.ts";
import { rememberMountpoints } from "./steps/remember-mountpoints.ts";
import { writeIdentityFiles } from "./steps/write-identity-files.ts";

const PIDS_LIMIT = 16_384;
const KILL_WAIT_MS = 10_000;
const HOSTNAME = "build";

/** One command in a root file system that the caller has mounted. */
export interface Step {
  /** Holds upper, work and rootfs; the step may put files of its own (a bundle) beside them. */
  containerDir: string;
  rootfs: string;
  argv: string[];
  /** "KEY=value". */
  env: string[];
  /** Absolute; exists. */
  workdir: string;
  /** As in an image config's User: "", "name", "uid", "uid:gid". */
  user: string;
  network: NetworkMode;
}

export type StepRunner = (step: Step, onOutput: (chunk: Buffer) => void, signal: AbortSignal) => Promise<{ exitCode: number }>;

/**
 * Runs build steps with the protection of any container, without a monitor: a build does not outlive its builder, and
 * what a crash leaves is swept by the engine's next recover().
 */
export function createRunStep(engine: { core(): EngineCore }): StepRunner {
  return async (step, onOutput, signal) => {
    const core = engine.core();
    signal.throwIfAborted();
    const id = `build-${randomBytes(6).toString("hex")}`;
    const bundle = join(step.containerDir, `step-${id}`);
    const held: { network: JoinedNetwork | null } = { network: null };
    const forgetMountpoints = await rememberMountpoints(core.options.native, step.rootfs);
    try {
      const spec = await prepareBundle(core, { id, bundle, step, held });
      await writeFile(join(bundle, "config.json"), JSON.stringify(spec), { mode: 0o600 });
      return { exitCode: await runToEnd(core, { id, bundle, onOutput, signal }) };
    } finally {
      await release(core, { request: { id }, network: held.network?.record ?? null });
      await rm(bundle, { recursive: true, force: true });
      await forgetMountpoints();
    }
  };
}

interface Bundle {
  id: string;
  bundle: string;
  step: Step;
  held: { network: JoinedNetwork | null };
}

async function prepareBundle(core: EngineCore, { id, bundle, step, held }: Bundle): Promise<OciSpec> {
  await mkdir(bundle, { mode: 0o700 });
  held.network = await joinNetwork(step.network, core.networks);
  const { record, spec: network } = held.network;
  const [user, identityFiles] = await Promise.all([
    prepareRootfs(core.options.native, step.rootfs, step.user, step.workdir),
    writeIdentityFiles({ folder: join(bundle, "etc"), hostname: HOSTNAME, mode: step.network, address: record?.address ?? null }),
  ]);
  return stepSpec(core, { id, step, user, network, identityFiles });
}

function stepSpec(
  core: EngineCore,
  {
    id,
    step,
    user,
    network,
    identityFiles,
  }: {
    id: string;
    step: Step;
    user: ResolvedUser;
    network: JoinedNetwork["spec"];
    identityFiles: { hosts: string; hostname: string; resolvConf: string };
  },
): OciSpec {
  return buildSpec({
    id,
    rootfs: step.rootfs,
    hostname: HOSTNAME,
    cgroupsPath: cgroupOf(core.paths, id),
    process: {
      image: { entrypoint: step.argv, cmd: [], env: step.env, workingDir: step.workdir },
      command: null,
      args: null,
      env: {},
      workdir: null,
    },
    user,
    agent: core.privileges,
    seccomp: core.seccomp,
    network,
    mounts: [],
    identityFiles,
    shmBytes: null,
    resources: { cpuMillis: null, memoryBytes: null, pidsLimit: PIDS_LIMIT, swapAccounting: core.cgroups.swapAccounting, deviceRules: [] },
    prestartHooks: [],
    hostMaskedPaths: core.hostMaskedPaths,
    readonlyRootfs: false,
  });
}

/** @throws BerthError container_start_failed when the command itself never ran; the signal's reason when aborted */
async function runToEnd(
  core: EngineCore,
  { id, bundle, onOutput, signal }: { id: string; bundle: string; onOutput: (chunk: Buffer) => void; signal: AbortSignal },
): Promise<number> {
  const pidFile = join(bundle, "pid");
  const [program, ...args] = core.runtime.command;
  const child = spawn(program, [...args, "run", "--bundle", bundle, "--pid-file", pidFile, id], {
    cwd: "/",
    env: { PATH: SYSTEM_PATH },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let lastOutput = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      lastOutput = `${lastOutput}${chunk.toString("utf8")}`.slice(-2_000);
      onOutput(chunk);
    });
  }
  const code = await endOf(core, id, child, signal);
  signal.throwIfAborted();
  if (!(await exists(pidFile))) throw new BerthError("container_start_failed", `cannot run the step: ${lastOutput.trim()}`);
  return code;
}

async function endOf(core: EngineCore, id: string, child: ChildProcess, signal: AbortSignal): Promise<number> {
  const kill = () => {
    child.kill("SIGKILL");
    core.cgroups
      .kill(cgroupOf(core.paths, id), KILL_WAIT_MS)
      .catch((error: unknown) => core.options.logger.error({ step: id, err: error }, "cannot end a build step"));
  };
  signal.addEventListener("abort", kill, { once: true });
  try {
    if (signal.aborted) kill();
    return await new Promise((resolve, reject) => {
      child.once("error", (error) =>
        reject(new BerthError("missing_requirement", `cannot start ${child.spawnfile}: ${error.message}`, { cause: error })),
      );
      child.once("close", (code, ended) => resolve(code ?? 128 + constants.signals[ended ?? "SIGKILL"]));
    });
  } finally {
    signal.removeEventListener("abort", kill);
  }
}
