import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeHostState } from "../../src/node/gpu/index.ts";
import { builtFiles, loadNative, packageRoot } from "../../src/node/platform/index.ts";
import { systemClock } from "../../src/shared/domain/index.ts";
import { buildFakeAndHook, RUNTIME_WRAPPER } from "../../test/integration/gpu/support/builds.ts";
import { removeTestCgroups } from "../../test/integration/gpu/support/container.ts";
import { must } from "../../test/integration/gpu/support/exec.ts";
import { type GpuMachine, makeGpuMachine } from "../../test/integration/gpu/support/gpu-machine.ts";
import { callHook, holdNamespace } from "../../test/integration/gpu/support/namespace-holder.ts";
import { makeTinyRootfs } from "../../test/integration/gpu/support/rootfs.ts";
import { interleaved, type Row, row, type Samples, summarise } from "../measure.ts";
import { report } from "../report.ts";
import { type Bench, type Way, withGpus, withoutGpu } from "./containers.ts";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 40);
const GPUS = 8;
const RUNTIMES = ["runc", "crun"] as const;
const LIMITS = { addedMs: 15, peakMebibytes: 4, execs: 1 };

/** What GPUs add to a container: time to its start, the hook's memory, programs run. */
await buildFakeAndHook("all");
const machine: GpuMachine = await makeGpuMachine(GPUS);
const hook = builtFiles(packageRoot()).gpuPrestart;
const bench: Bench = { machine, hook, rootfs: join(machine.folder, "image") };
await makeTinyRootfs(bench.rootfs);
await mkdir(join(bench.rootfs, "usr/local/nvidia"), { recursive: true });
try {
  const rows = [...(await addedStart()), await runtimeEdit(), await hookPeakMemory(), await hookExecs()];
  report("gpu", rows, [
    `gpu-added-start (runc; -crun): create + start + delete of a no-op with ${GPUS} simulated GPUs (plan, bundle and hook), less the same without; limit 15 ms.`,
    "No peer could be installed for it. Published figures of nvidia-container-runtime 1.20.0 in jit-cdi mode, create + start + delete on another 2-core machine: runc 61.6 -> 162.7 ms (101 ms added), crun 34.5 -> 115.8 ms (81 ms); with a CDI file 76 ms and 75 ms.",
    "berth-runtime-edit: what berth-runtime adds before runc, for engines outside Berth. Published for the same part of nvidia-container-runtime: jit-cdi 34.2 ms, cdi 17.2 ms, legacy 10.8 ms.",
    "hook-peak-memory: ru_maxrss of gpu-prestart; limit 4 MiB. hook-execs: programs that strace sees started with GPUs, less those without; limit 1.",
  ]);
} finally {
  await removeTestCgroups();
  await machine.remove();
}

async function addedStart(): Promise<Row[]> {
  const ways: Way[] = [];
  for (const runtime of RUNTIMES)
    ways.push(withoutGpu(bench, runtime), await withGpus(bench, runtime, 1), await withGpus(bench, runtime, GPUS));
  const samples = await shuffled(ROUNDS, ways);
  const median = (name: string): number => samples[name]?.median ?? Number.NaN;
  return RUNTIMES.flatMap((runtime) => {
    const plain = median(`${runtime} without GPU`);
    const added = (gpus: number): number => median(`${runtime} with ${gpus} GPUs`) - plain;
    return [
      {
        ...row(runtime === "runc" ? "gpu-added-start" : `gpu-added-start-${runtime}`, added(GPUS), null, "ms", ROUNDS),
        limit: LIMITS.addedMs,
      },
      { ...row(`gpu-added-start-${runtime}-1-gpu`, added(1), null, "ms", ROUNDS), limit: LIMITS.addedMs },
      row(`start-without-gpu-${runtime}`, plain, null, "ms", ROUNDS),
    ];
  });
}

/**
 * As `interleaved`, but in another order each round: the kernel takes a container's namespaces apart after its end, which slows the
 * one that comes next.
 */
async function shuffled(rounds: number, ways: readonly Way[]): Promise<Record<string, Samples>> {
  const times = new Map<string, number[]>(ways.map((way) => [way.name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    const order = ways.map((way) => ({ way, at: Math.random() })).sort((left, right) => left.at - right.at);
    for (const { way } of order) {
      const started = performance.now();
      await way.run();
      if (round > 0) times.get(way.name)?.push(performance.now() - started);
    }
  }
  return Object.fromEntries([...times].map(([name, values]) => [name, summarise(values)]));
}

/** berth-runtime reads, plans and edits a bundle, then becomes /bin/true instead of runc; less /bin/true alone. */
async function runtimeEdit(): Promise<Row> {
  const folder = join(machine.folder, "outside");
  const bundle = join(folder, "bundle");
  await mkdir(bundle, { recursive: true });
  const state = join(folder, "state.json");
  await writeHostState({ native: loadNative(), clock: systemClock(), driverRoot: machine.driverRoot, simulated: true, path: state });
  const settings = join(folder, "settings.json");
  await writeFile(settings, JSON.stringify({ runtime: "/bin/true", hook, state, plans: folder, refresh: [] }), { mode: 0o644 });
  await must("runc", ["spec", "--bundle", bundle]);
  const spec = JSON.parse(await readFile(join(bundle, "config.json"), "utf8")) as { process: { env: string[] } };
  spec.process.env.push("NVIDIA_VISIBLE_DEVICES=all");
  const samples = await interleaved(ROUNDS * 2, {
    edit: async () => {
      await writeFile(join(bundle, "config.json"), JSON.stringify(spec));
      await must(RUNTIME_WRAPPER, ["--berth-settings", settings, "create", "--bundle", bundle, "c"]);
    },
    plain: async () => {
      await writeFile(join(bundle, "config.json"), JSON.stringify(spec));
      await must("/bin/true", []);
    },
  });
  const { edit, plain } = samples;
  return row("berth-runtime-edit", (edit?.median ?? Number.NaN) - (plain?.median ?? Number.NaN), null, "ms", ROUNDS * 2);
}

async function hookPeakMemory(): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), "bench-hook-"));
  const meter = join(folder, "peak-memory");
  await must("g++", ["-O1", "-static", "-o", meter, "test/integration/gpu/support/peak-memory.cc"]);
  const rootfs = join(folder, "rootfs");
  for (const name of ["dev", "proc", "usr/local/nvidia"]) await mkdir(join(rootfs, name), { recursive: true });
  const holder = await holdNamespace(rootfs);
  try {
    const { plan } = await machine.planFor(machine.uuids);
    const ran = await callHook({ hook: meter, before: [hook], bundle: folder, pid: holder.pid, rootfs, plan });
    if (ran.code !== 0) throw new Error(`hook: ${ran.stderr}`);
    return { ...row("hook-peak-memory", Number(ran.stdout) / 1024, null, "MiB", 1), limit: LIMITS.peakMebibytes };
  } finally {
    await holder.release();
    await rm(folder, { recursive: true });
  }
}

async function hookExecs(): Promise<Row> {
  const execs = async (way: Way): Promise<number> => {
    const log = join(machine.folder, "execs");
    await must("strace", ["-f", "-qq", "-e", "trace=execve,execveat", "-o", log, ...(await way.command())]);
    return (await readFile(log, "utf8")).split("\n").filter((line) => / = 0$/.test(line)).length;
  };
  const added = (await execs(await withGpus(bench, "runc", GPUS))) - (await execs(withoutGpu(bench, "runc")));
  return { ...row("hook-execs", added, null, "execs", 1), limit: LIMITS.execs };
}
