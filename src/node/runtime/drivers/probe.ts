import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, errorText } from "../../../shared/domain/index.ts";
import { readTextIfThere, runProgram, writeFileAtomically } from "../../platform/index.ts";
import { buildSpec } from "../build-spec.ts";
import type { SpecInput } from "../spec-input.ts";
import { lastLine } from "./command-runtime.ts";
import type { ProbeResult, RuntimeCandidate } from "./select-runtime.ts";

const RUNS = 3;
const RUN_TIMEOUT_MS = 20_000;

export interface ProbeContext {
  /** What every real container gets too: a probe with less would pass where jobs fail. */
  defaults: Pick<SpecInput, "agent" | "seccomp" | "hostMaskedPaths"> & { swapAccounting: boolean };
  /** Parent cgroup, "/berth/<instance>". */
  cgroup: string;
  cgroupMode: string;
  /** The answers of earlier starts. */
  cacheFile: string;
  clock: Clock;
}

/** The command line that starts a candidate's runtime. */
export type CommandOf = (candidate: RuntimeCandidate) => readonly [string, ...string[]];

/**
 * Runs a trivial container with each candidate: on which hosts which version works cannot be told from versions alone.
 * An answer is kept until the program, the kernel or the cgroup mode changes.
 */
export async function probeRuntimes(
  candidates: readonly RuntimeCandidate[],
  commandOf: CommandOf,
  context: ProbeContext,
): Promise<ProbeResult[]> {
  const key = await cacheKey(candidates, context);
  const cached = await readCache(context.cacheFile, key);
  if (cached !== null) return cached;
  const results: ProbeResult[] = [];
  // One after the other, or they would slow each other down.
  for (const candidate of candidates) results.push(await probeOne(candidate, commandOf(candidate), context));
  await writeFileAtomically(context.cacheFile, `${JSON.stringify({ key, results })}\n`);
  return results;
}

async function probeOne(candidate: RuntimeCandidate, command: readonly [string, ...string[]], context: ProbeContext): Promise<ProbeResult> {
  const { name, version } = candidate;
  const bundle = await mkdtemp(join(tmpdir(), "berth-probe-"));
  try {
    await makeBundle(bundle, context);
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < RUNS; run++) {
      const started = context.clock.monotonic();
      const result = await runProgram(
        command[0],
        [...command.slice(1), "--root", join(bundle, "state"), "run", "--bundle", bundle, "probe"],
        {
          timeoutMs: RUN_TIMEOUT_MS,
        },
      );
      if (result.code !== 0) return { name, version, milliseconds: null, problem: lastLine(result.stderr) };
      best = Math.min(best, context.clock.monotonic() - started);
    }
    return { name, version, milliseconds: best, problem: null };
  } catch (error) {
    return { name, version, milliseconds: null, problem: errorText(error) };
  } finally {
    await rm(bundle, { recursive: true, force: true });
  }
}

/** A rootfs of the host's own programs, bound read-only. */
async function makeBundle(bundle: string, { defaults, cgroup }: ProbeContext): Promise<void> {
  const rootfs = join(bundle, "rootfs");
  await mkdir(join(rootfs, "usr"), { recursive: true });
  for (const name of ["bin", "sbin", "lib", "lib64"]) await symlink(`usr/${name}`, join(rootfs, name));
  const spec = buildSpec({
    id: "probe",
    rootfs,
    hostname: "probe",
    cgroupsPath: `${cgroup}/probe`,
    process: {
      image: { entrypoint: ["/usr/bin/true"], cmd: [], env: [], workingDir: "/" },
      command: null,
      args: null,
      env: {},
      workdir: null,
    },
    user: { uid: 0, gid: 0, additionalGids: [], home: null },
    network: { kind: "private" },
    mounts: [{ source: "/usr", target: "/usr", readOnly: true }],
    identityFiles: null,
    shmBytes: null,
    resources: { cpuMillis: 1000, memoryBytes: 64 * 2 ** 20, pidsLimit: 64, swapAccounting: defaults.swapAccounting, deviceRules: [] },
    prestartHooks: [],
    readonlyRootfs: false,
    agent: defaults.agent,
    seccomp: defaults.seccomp,
    hostMaskedPaths: defaults.hostMaskedPaths,
  });
  await writeFile(join(bundle, "config.json"), JSON.stringify(spec));
}

async function cacheKey(candidates: readonly RuntimeCandidate[], { cgroupMode, defaults }: ProbeContext): Promise<string> {
  const programs = await Promise.all(
    candidates.map(async ({ path, version }) => {
      const { mtimeMs, size } = await stat(path);
      return [path, version, mtimeMs, size];
    }),
  );
  return JSON.stringify([release(), cgroupMode, defaults.agent, programs]);
}

/** A damaged cache is no cache. */
async function readCache(file: string, key: string): Promise<ProbeResult[] | null> {
  const text = (await readTextIfThere(file)) ?? "";
  try {
    const cache = JSON.parse(text) as { key: string; results: ProbeResult[] };
    return cache.key === key ? cache.results : null;
  } catch {
    return null;
  }
}
