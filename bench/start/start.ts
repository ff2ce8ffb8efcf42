import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { Berth } from "../../test/support/berth.ts";
import { loadTinyImage } from "../../test/support/load-tiny-image.ts";
import { descendants, runs } from "../../test/support/processes.ts";
import { createTestHosts } from "../../test/support/test-hosts.ts";
import { writeTinyRootfsTar } from "../../test/support/tiny-image.ts";
import { interleaved, type Row, row } from "../measure.ts";
import { report } from "../report.ts";
import { type Peer, startDocker, startPodman, startRunc } from "./peers.ts";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 20);
const SUBMITS = 200;
const SUBMITTERS = 8;

/** A no-op job from the command line to its exit code, beside the same of the peers; submit throughput; memory at rest. */
const network = await createTestHosts(1);
const [host] = network.hosts;
if (!host) throw new Error("one host was asked for");
const tar = await writeTinyRootfsTar(`/tmp/bench-rootfs-${process.pid}.tar`);
const peers: Record<string, Peer> = {};
const berth = await Berth.start({ host });
try {
  await loadTinyImage(berth);
  peers["docker run"] = await startDocker(host, tar);
  peers["podman run"] = await startPodman(host, tar);
  peers["runc run"] = await startRunc(host, tar);
  report(
    "start",
    [...memoryAtRest(), ...(await noopStart()), ...(await submitThroughput())],
    [
      "`berth run` is a whole job: accepted durably (`appendfsync always`), queued, scheduled, run by the agent, its log and exit code sent back; the peers only start a container.",
      "All on one network host of its own; peers installed from the distribution (docker.io, podman, runc).",
    ],
  );
} finally {
  for (const peer of Object.values(peers)) await peer.stop();
  await berth.dispose();
  await network.remove();
  await rm(tar, { force: true });
}

async function noopStart(): Promise<Row[]> {
  const noop = async () => {
    const ran = await berth.cli("run", "tiny", "true");
    if (ran.code !== 0) throw new Error(`berth run: ${ran.code} ${ran.stderr}`);
  };
  const contenders = {
    "berth run": noop,
    ...Object.fromEntries(Object.entries(peers).map(([name, peer]) => [name, () => peer.runNoop()])),
  };
  const samples = await interleaved(ROUNDS, contenders);
  const ours = samples["berth run"]?.median ?? Number.NaN;
  return Object.keys(peers).map((name) =>
    row(
      `noop-vs-${name.replace(" run", "")}`,
      ours,
      { name: `\`${name}\` of a no-op`, value: samples[name]?.median ?? Number.NaN },
      "ms",
      ROUNDS,
    ),
  );
}

/** Jobs per second accepted durably, from several clients at once. They ask for a GPU that is not there, so none starts. */
async function submitThroughput(): Promise<Row[]> {
  const started = performance.now();
  const each = Math.ceil(SUBMITS / SUBMITTERS);
  const ids = await Promise.all(
    Array.from({ length: SUBMITTERS }, async () => {
      const mine: string[] = [];
      for (let index = 0; index < each; index += 1)
        mine.push(await berth.submit({ name: "bench", command: ["true"], resources: { gpus: 1 } }));
      return mine;
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  for (const id of ids.flat()) await berth.post(`/v1/jobs/${id}/cancel`, {});
  return [row("submit-throughput", ids.flat().length / seconds, null, "jobs/s", ids.flat().length)];
}

function memoryAtRest(): Row[] {
  const resident = (pid: number) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN) / 1024;
  const supervisor = berth.pid;
  const named = [
    ["memory-supervisor", supervisor],
    ["memory-control-plane", berth.childPid("control-plane")],
    ["memory-agent", berth.childPid("agent")],
    ["memory-redis", berth.childPid("redis-server")],
  ] as const;
  const docker = descendants(process.pid).filter((entry) => runs(entry, "dockerd") || runs(entry, "containerd"));
  const dockerMebibytes = docker.reduce((sum, { pid }) => sum + resident(pid), 0);
  const peer = dockerMebibytes > 0 ? { name: "dockerd + containerd", value: dockerMebibytes } : null;
  return named.map(([name, pid]) => row(name, resident(pid), name === "memory-agent" ? peer : null, "MiB", 1));
}
