import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { skopeo, startDockerRegistry } from "../../test/support/docker-registry.ts";
import { interleaved, type Row, row, type Samples } from "../measure.ts";
import { report } from "../report.ts";
import { type Contender, peakMebibytes, resetPeak, startBerth, startDocker, startPodman } from "./contenders.ts";
import { type Corpus, pytorchCorpus, smallFilesCorpus, withTopLayer } from "./corpus.ts";
import { startCountingProxy } from "./counting-proxy.ts";

const run = promisify(execFile);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const SIBLINGS = 10;
const SIBLING_BYTES = 4 * 1024 * 1024;
const BOUNDS: Record<string, number> = {
  "pull-unpack": 0.6,
  "disk-shared-base": 1.02,
  "no-change-pull": 50,
  push: 1,
  save: 1,
  load: 1,
  "pull-peak-memory": 150,
};

interface Measured {
  rows: Row[];
  notes: string[];
}

type Corpora = Record<"pytorch" | "small-files", Corpus>;

/** Berth, docker and podman with one registry (docker-registry) and one disk, in turn. Each part can be measured by itself. */
export const STORE_PARTS: Record<string, (bench: Bench, images: Corpora) => Promise<Measured>> = {
  pull: async (bench, images) =>
    joined(
      await pulls(bench, "pytorch", "pull-unpack", images.pytorch),
      await pulls(bench, "small-files", "pull-unpack-small-files", images["small-files"]),
    ),
  again: async (bench) => joined(await noChange(bench), { rows: [await memory(bench)], notes: [] }),
  archive: (bench) => archives(bench),
  push: async (bench) => ({ rows: [await pushes(bench)], notes: [] }),
  sharing: (bench, images) => sharing(bench, images.pytorch),
};

/** Measures one part and writes it as topic `images-<part>`. */
export async function measureStore(part: (bench: Bench, images: Corpora) => Promise<Measured>, name: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "bench-images-"));
  const registry = await startDockerRegistry();
  const contenders: Record<string, Contender> = {};
  try {
    const images = { pytorch: await pytorchCorpus(), "small-files": await smallFilesCorpus() };
    for (const [image, corpus] of Object.entries(images)) await publish(corpus, `${registry.host}/bench/${image}:1`);
    contenders["berth"] = await startBerth();
    contenders["docker"] = await startDocker();
    contenders["podman"] = await startPodman();
    const { rows, notes } = await part({ contenders, folder, host: registry.host }, images);
    report(`images-${name}`, rows.map(bounded), [...Object.entries(images).map(([image, corpus]) => describe(image, corpus)), ...notes]);
  } finally {
    for (const contender of Object.values(contenders)) await contender.stop();
    await registry.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function joined(...measured: Measured[]): Measured {
  return { rows: measured.flatMap(({ rows }) => rows), notes: measured.flatMap(({ notes }) => notes) };
}

interface Bench {
  contenders: Record<string, Contender>;
  folder: string;
  host: string;
}

function bounded(measured: Row): Row {
  return { ...measured, limit: BOUNDS[measured.name] ?? null };
}

function describe(name: string, { layers }: Corpus): string {
  const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);
  const sum = (of: (layer: Corpus["layers"][number]) => number) => mebibytes(layers.reduce((total, layer) => total + of(layer), 0));
  return `${name}: ${layers.length} layers, ${sum(({ size }) => size)} MiB on the wire, ${sum(({ tarBytes }) => tarBytes)} MiB unpacked.`;
}

async function publish(corpus: Corpus, reference: string): Promise<void> {
  await skopeo("copy", "--quiet", "--dest-tls-verify=false", `oci:${corpus.layout}:latest`, `docker://${reference}`);
}

function each(bench: Bench, work: (contender: Contender, name: string) => Promise<void>): Record<string, () => Promise<void>> {
  return Object.fromEntries(Object.entries(bench.contenders).map(([name, contender]) => [name, () => work(contender, name)]));
}

/** Ours beside the better of the two, where both were measured. */
function besideBest(name: string, samples: Record<string, Samples>, n = ROUNDS, ours = "berth"): Row {
  const peers = ["docker", "podman"].flatMap((peer) => (samples[peer] ? [{ name: peer, value: samples[peer].median }] : []));
  const best = peers.toSorted((left, right) => left.value - right.value)[0] ?? null;
  return row(name, samples[ours]?.median ?? Number.NaN, best, "ms", n);
}

async function settle(): Promise<void> {
  await run("sync");
}

async function pulls(bench: Bench, image: string, name: string, corpus: Corpus): Promise<Measured> {
  const reference = `${bench.host}/bench/${image}:1`;
  let target = await mkdtemp(join(bench.folder, "limit-"));
  const limits = { "zcat and tar": () => untar(corpus, target), "copy of the layers": () => copy(corpus, target) };
  const samples = await interleaved(ROUNDS, { ...each(bench, (contender) => contender.pull(reference)), ...limits }, async (which) => {
    await bench.contenders[which]?.clear();
    await rm(target, { recursive: true, force: true });
    await spread(bench);
    target = await mkdtemp(join(bench.folder, "limit-"));
    await settle();
  });
  await rm(target, { recursive: true, force: true });
  const shown = Object.entries(samples).map(([which, { median }]) => `${which} ${Math.round(median)} ms`);
  const note = `${name}: ${shown.join(", ")}; zcat and tar unpack the same layers one after another and flush, the copy moves their compressed bytes. Everybody's layers begin in a part of the disk of their own (chattr +T), so that nobody pays for what was removed between the rounds.`;
  return { rows: [besideBest(name, samples)], notes: [note] };
}

/**
 * Has ext4 begin each layer, also a peer's, in a part of the disk of its own: else whoever pulls next would pay for what was
 * removed between the rounds, as ext4 looks past every inode that was freed within five minutes. Each round's folders have new names, since their place is
 * chosen by them.
 */
async function spread({ contenders, folder }: Bench): Promise<void> {
  for (const layers of [folder, ...Object.values(contenders).map((contender) => contender.layers)])
    if (existsSync(layers)) await run("chattr", ["+T", layers]);
}

async function untar(corpus: Corpus, target: string): Promise<void> {
  for (const { file } of corpus.layers) await run("sh", ["-c", 'zcat "$1" | tar -x -C "$2"', "sh", file, target]);
  await run("sync", ["-f", target]);
}

async function copy(corpus: Corpus, target: string): Promise<void> {
  await run("cp", [...corpus.layers.map(({ file }) => file), target]);
  await run("sync", ["-f", target]);
}

async function noChange(bench: Bench): Promise<Measured> {
  const reference = `${bench.host}/bench/pytorch:1`;
  for (const contender of Object.values(bench.contenders)) await contender.pull(reference);
  const rounds = ROUNDS * 5;
  const byApi = Object.entries(bench.contenders).flatMap(([name, { pullByApi }]) =>
    pullByApi === null ? [] : [[name, () => pullByApi(reference)] as const],
  );
  const api = await interleaved(rounds, Object.fromEntries(byApi));
  const cli = await interleaved(
    rounds,
    each(bench, (contender) => contender.pull(reference)),
  );
  const note =
    "no-change-pull: by the engine's API, one request of a client that runs already; no-change-pull-cli: by the command, its start included.";
  return { rows: [besideBest("no-change-pull", api, rounds), besideBest("no-change-pull-cli", cli, rounds)], notes: [note] };
}

/** The most of any of the pulls, not the median: a limit holds always. */
async function memory({ contenders, host }: Bench): Promise<Row> {
  const peaks: Record<string, number> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, contender] of Object.entries(contenders)) {
      if (contender.pid === null) continue;
      await contender.clear();
      await resetPeak(contender.pid);
      await contender.pull(`${host}/bench/pytorch:1`);
      peaks[name] = Math.max(peaks[name] ?? 0, await peakMebibytes(contender.pid));
    }
  }
  return row("pull-peak-memory", peaks["berth"] ?? Number.NaN, { name: "dockerd", value: peaks["docker"] ?? Number.NaN }, "MiB", ROUNDS);
}

async function archives(bench: Bench): Promise<Measured> {
  const reference = `${bench.host}/bench/pytorch:1`;
  for (const contender of Object.values(bench.contenders)) await contender.pull(reference);
  const file = (name: string) => join(bench.folder, `${name}.tar`);
  const saves = await interleaved(
    ROUNDS,
    each(bench, (contender, name) => contender.save(reference, file(name))),
    async (name) => {
      await rm(file(name), { force: true });
      await settle();
    },
  );
  const loadAndUnpack = async () => {
    await bench.contenders["berth"]?.load(file("berth"));
    await bench.contenders["berth"]?.pull(reference);
  };
  const loads = await interleaved(
    ROUNDS,
    { ...each(bench, (contender, name) => contender.load(file(name))), unpacked: loadAndUnpack },
    async (name) => {
      await (bench.contenders[name] ?? bench.contenders["berth"])?.clear();
      await spread(bench);
      await settle();
    },
  );
  for (const name of Object.keys(bench.contenders)) await rm(file(name));
  const notes = [
    "save and load: each its own archive of the image pytorch in its default form (ours holds compressed layers); a load is into an empty store.",
    "load: docker and podman unpack while they load, we at the first start; load-and-unpack: ours followed by a pull of the same name, which fetches nothing and unpacks.",
  ];
  const rows = [besideBest("save", saves), besideBest("load", loads), besideBest("load-and-unpack", loads, ROUNDS, "unpacked")];
  return { rows, notes };
}

async function pushes(bench: Bench): Promise<Row> {
  const source = `${bench.host}/bench/pytorch:1`;
  let count = 0;
  let registry = await startDockerRegistry();
  const samples = await interleaved(
    ROUNDS,
    each(bench, (contender) => contender.push(`${registry.host}/bench/pushed-${count}:1`)),
    async (name) => {
      // A registry of its own for each push: nothing of it is there yet, and nobody's memory of another helps.
      await registry.stop();
      registry = await startDockerRegistry();
      count += 1;
      await bench.contenders[name]?.pull(source);
      await bench.contenders[name]?.tag(source, `${registry.host}/bench/pushed-${count}:1`);
      await settle();
    },
  );
  await registry.stop();
  return besideBest("push", samples);
}

async function sharing(bench: Bench, base: Corpus): Promise<Measured> {
  const proxy = await startCountingProxy(bench.host);
  const used: Record<string, { base: number; all: number }> = {};
  const wire: Record<string, number> = {};
  const siblings: Corpus[] = [];
  for (let index = 0; index < SIBLINGS; index++) siblings.push(await withTopLayer(base, `sibling-${index}`, randomBytes(SIBLING_BYTES)));
  for (const [index, sibling] of siblings.entries()) await publish(sibling, `${bench.host}/bench/sibling-${index}:1`);
  for (const [name, contender] of Object.entries(bench.contenders)) {
    await contender.clear();
    await contender.pull(`${proxy.host}/bench/pytorch:1`);
    const before = await diskUsed(contender.folder);
    proxy.reset();
    for (const index of siblings.keys()) await contender.pull(`${proxy.host}/bench/sibling-${index}:1`);
    wire[name] = proxy.bytes() / 2 ** 20;
    used[name] = { base: before, all: await diskUsed(contender.folder) };
  }
  await proxy.stop();
  const perImage = SIBLING_BYTES / 2 ** 20;
  // The unique bytes: the base as this engine keeps it, and each top layer, compressed and unpacked.
  const unique = (used["berth"]?.base ?? Number.NaN) + SIBLINGS * 2 * perImage;
  const notes = [
    `disk-shared-base: ${SIBLINGS} images of one base with ${perImage} MiB each on top. Ours beside the unique bytes (compressed blobs and unpacked layers, each once); docker has ${Math.round(used["docker"]?.all ?? 0)} MiB, podman ${Math.round(used["podman"]?.all ?? 0)} MiB: they keep no compressed blobs.`,
    `base-present-pull: MiB over the wire for those ${SIBLINGS} images with the base there; the new layers have ${SIBLINGS * perImage} MiB.`,
  ];
  const rows = [
    row("disk-shared-base", used["berth"]?.all ?? Number.NaN, { name: "unique bytes", value: unique }, "MiB", 1),
    row("base-present-pull", wire["berth"] ?? Number.NaN, { name: "new layers", value: SIBLINGS * perImage }, "MiB", 1),
  ];
  return { rows, notes };
}

/** MiB on disk below a folder, not those of file systems mounted in it. */
async function diskUsed(folder: string): Promise<number> {
  await settle();
  const { stdout } = await run("du", ["-sxk", folder]);
  return Number(stdout.split("\t")[0]) / 1024;
}
