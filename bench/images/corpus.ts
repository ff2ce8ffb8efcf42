import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGzip } from "node:zlib";
import { extract, type Header, type Pack, pack } from "tar-stream";

const run = promisify(execFile);
const CACHE = ".cache/bench";
/** What a training image of the distribution's own packages holds: about 2.2 GB unpacked. */
const PACKAGES = "python3-torch,python3-numpy,python3-scipy,python3-pandas,python3-sklearn,python3-matplotlib";
const PYTORCH_LAYERS = 12;
const SMALL_FILES = 50_000;

/** An image as an OCI layout folder, for skopeo to put anywhere. */
export interface Corpus {
  layout: string;
  /** Layer files, bottom first. */
  layers: { file: string; digest: string; size: number; tarBytes: number; diffId: string }[];
}

interface Member {
  header: Partial<Header> & { name: string };
  body: Buffer;
}

/** Debian with PyTorch in 12 layers, made once from the distribution's packages and kept in .cache. */
export function pytorchCorpus(): Promise<Corpus> {
  return cached("pytorch", async (folder) => {
    const tree = join(CACHE, "pytorch.tar");
    await run("mmdebstrap", ["--quiet", "--variant=apt", `--include=${PACKAGES}`, "bookworm", tree], { maxBuffer: 2 ** 26 });
    const { size } = await stat(tree);
    const layers = await splitTar(tree, size, folder);
    await rm(tree);
    return layers;
  });
}

/** One layer of 50,000 files of 1 KiB in 500 folders. */
export function smallFilesCorpus(): Promise<Corpus> {
  return cached("small-files", async (folder) => [await writeLayer(folder, 0, smallFiles())]);
}

/** The corpus with a layer of its own on top: another image on the same base. */
export async function withTopLayer(base: Corpus, name: string, bytes: Buffer): Promise<Corpus> {
  const folder = join(CACHE, "tops", name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, "blobs/sha256"), { recursive: true });
  const top = await writeLayer(folder, 0, [{ header: { name: `opt/${name}`, size: bytes.byteLength, mode: 0o644 }, body: bytes }]);
  for (const layer of base.layers) await run("ln", ["-f", layer.file, blobFile(folder, layer.digest)]);
  return writeLayout(folder, [...base.layers, top]);
}

async function cached(name: string, make: (folder: string) => Promise<Corpus["layers"]>): Promise<Corpus> {
  const folder = join(CACHE, name);
  const finished = join(folder, "corpus.json");
  if (!existsSync(finished)) {
    process.stderr.write(`making the image ${name} (once; kept in ${CACHE})\n`);
    const temporary = `${folder}.tmp`;
    await rm(temporary, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
    await mkdir(join(temporary, "blobs/sha256"), { recursive: true });
    const layers = await make(temporary);
    const corpus = await writeLayout(temporary, layers);
    const inPlace = (path: string) => path.replace(temporary, folder);
    const moved = { layout: folder, layers: corpus.layers.map((layer) => ({ ...layer, file: inPlace(layer.file) })) };
    await writeFile(join(temporary, "corpus.json"), JSON.stringify(moved));
    await rename(temporary, folder);
  }
  return JSON.parse(await readFile(finished, "utf8")) as Corpus;
}

/** Cuts an archive into layers of like size. A hard link goes where its file is: no layer may link into another. */
async function splitTar(tree: string, size: number, folder: string): Promise<Corpus["layers"]> {
  const writers = Array.from({ length: PYTORCH_LAYERS }, (_, index) => openLayer(folder, index));
  const layerOf = new Map<string, number>();
  const reader = extract();
  const reading = pipeline(createReadStream(tree), reader as unknown as Writable);
  let seen = 0;
  for await (const entry of reader) {
    const { header } = entry;
    const here = Math.min(PYTORCH_LAYERS - 1, Math.floor((seen / size) * PYTORCH_LAYERS));
    const index = header.type === "link" ? (layerOf.get(header.linkname) ?? here) : here;
    layerOf.set(header.name, index);
    seen += header.size + 1024;
    if (header.type === "character-device" || header.type === "block-device") entry.resume();
    else await writers[index]?.add(header, entry as unknown as Readable);
  }
  await reading;
  return Promise.all(writers.map((writer) => writer.close()));
}

function openLayer(folder: string, index: number) {
  const archive = pack();
  const written = finishLayer(folder, index, archive);
  return {
    add: (header: Header, body: Readable): Promise<void> => pipeline(body, archive.entry(header) as unknown as Writable),
    close() {
      archive.finalize();
      return written;
    },
  };
}

async function writeLayer(folder: string, index: number, members: Iterable<Member>): Promise<Corpus["layers"][number]> {
  const archive = pack();
  const written = finishLayer(folder, index, archive);
  for (const { header, body } of members) {
    await new Promise<void>((resolve, reject) => archive.entry(header, body, (error) => (error ? reject(error) : resolve())));
  }
  archive.finalize();
  return written;
}

async function finishLayer(folder: string, index: number, archive: Pack): Promise<Corpus["layers"][number]> {
  const temporary = join(folder, `layer-${index}`);
  const plain = createHash("sha256");
  const packed = createHash("sha256");
  let tarBytes = 0;
  async function* measured(source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      plain.update(chunk);
      tarBytes += chunk.byteLength;
      yield chunk;
    }
  }
  async function* hashed(source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      packed.update(chunk);
      yield chunk;
    }
  }
  await pipeline(archive as unknown as Readable, measured, createGzip({ level: 6 }), hashed, createWriteStream(temporary));
  const digest = `sha256:${packed.digest("hex")}`;
  await rename(temporary, blobFile(folder, digest));
  const { size } = await stat(blobFile(folder, digest));
  return { file: blobFile(folder, digest), digest, size, tarBytes, diffId: `sha256:${plain.digest("hex")}` };
}

function* smallFiles(): Generator<Member> {
  for (let index = 0; index < SMALL_FILES; index++) {
    if (index % 100 === 0) yield { header: { name: `data/${index / 100}/`, type: "directory", mode: 0o755 }, body: Buffer.alloc(0) };
    const body = createHash("sha512").update(String(index)).digest("hex").repeat(8);
    yield {
      header: { name: `data/${Math.floor(index / 100)}/${index}.txt`, size: body.length, mode: 0o644 },
      body: Buffer.from(body),
    };
  }
}

async function writeLayout(folder: string, layers: Corpus["layers"]): Promise<Corpus> {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const config = {
    architecture,
    os: "linux",
    config: { Cmd: ["/bin/true"] },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.diffId) },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...(await writeBlob(folder, config)) },
    layers: layers.map(({ digest, size }) => ({ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size })),
  };
  const entry = {
    mediaType: manifest.mediaType,
    ...(await writeBlob(folder, manifest)),
    annotations: { "org.opencontainers.image.ref.name": "latest" },
  };
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  return { layout: folder, layers };
}

async function writeBlob(folder: string, value: object): Promise<{ digest: string; size: number }> {
  const bytes = JSON.stringify(value);
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  await writeFile(blobFile(folder, digest), bytes);
  return { digest, size: Buffer.byteLength(bytes) };
}

function blobFile(folder: string, digest: string): string {
  return join(folder, "blobs/sha256", digest.slice("sha256:".length));
}
