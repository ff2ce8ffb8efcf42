// Runs one operation of the image store at a time, as told on stdin, until it is killed: the victim of the fault tests.
// Runs the built code. argv: package root. Input and output are lines of JSON: {operation, dataDir, parameters} -> {ok} | {error}.
import { createReadStream } from "node:fs";
import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [root] = process.argv.slice(2);
const { createImageStore, createImageTools, createSnapshots } = await import(`${root}/dist/node/images/index.js`);
const { loadNative } = await import(`${root}/dist/node/platform/index.js`);
const { startRegistry } = await import(`${root}/dist/node/registry/index.js`);
const { systemClock } = await import(`${root}/dist/shared/domain/index.js`);
const { silentLogger } = await import(`${root}/dist/shared/observe/index.js`);
const { createRegistryAccess } = await import(`${root}/dist/shared/oci/index.js`);

const native = loadNative();
// Equal work gives equal bytes, whenever it is done.
const clock = { ...systemClock(), now: () => 1_700_000_000_000 };
const { signal } = new AbortController();
const quiet = () => undefined;
const CONTAINER = "container";
const same = async (config) => config;

const operations = {
  pull: ({ store }, { reference }) => withClient(reference, (client) => store.pull({ reference, platform: null, client }, quiet, signal)),
  unpack: async ({ store }) => store.unpack(await store.get("app:1"), quiet, signal),
  async commit({ store, tools, snapshots, dataDir }) {
    const dir = join(dataDir, "containers", CONTAINER);
    const image = await store.get("app:1");
    const { rootfs } = await snapshots.mount(dir, image.chainIds);
    await writeFile(join(rootfs, "written"), "w");
    await utimes(join(rootfs, "written"), 1, 1);
    const container = { id: CONTAINER, imageDigest: image.digest, gpuUuids: [] };
    const options = { reference: "committed:1", change: same, author: null, message: null };
    const committed = await tools.commitContainer(container, options, signal);
    await snapshots.unmount(dir);
    return committed;
  },
  async push({ store, dataDir }) {
    const server = await startRegistry({ dataDir, listen: { host: "127.0.0.1", port: 0 }, native, clock, log: silentLogger() });
    const reference = `127.0.0.1:${server.port}/team/app:1`;
    try {
      // An earlier try went to another port.
      for (const name of (await store.get("app:1")).references.slice(0, -1)) await store.remove(name);
      await store.tag("app:1", reference);
      await withClient(reference, (client) => store.push({ reference, client }, quiet, signal));
      await store.remove(reference);
    } finally {
      await server.close();
    }
  },
  prune: ({ store }) => store.prune(new Set()),
  import: ({ tools }, { file }) => tools.import(createReadStream(file), { reference: "imported:1", change: same, message: null }, signal),
  load: ({ store }, { file }) => store.load(createReadStream(file), quiet, signal),
  scrub: ({ tools }) => tools.scrub({ bytesPerSecond: null, unpacked: true, inUse: new Set() }, quiet, signal),
  rebase: ({ tools }) => tools.rebase({ image: "app:1", onto: "other:1", oldBase: "base:1", reference: "rebased:1" }),
  async save({ store }) {
    for await (const chunk of await store.save(["app:1"], signal)) void chunk;
  },
};

async function withClient(reference, work) {
  const access = createRegistryAccess({ env: { HOME: "/nonexistent" }, clock });
  try {
    return await work(await access.clientFor(reference, null));
  } finally {
    await access.close();
  }
}

/** One store a data dir, as in an agent: what fails must not spoil it for the next try. */
const opened = new Map();
async function open(dataDir) {
  const store = opened.get(dataDir)?.store ?? (await createImageStore({ dataDir, native, clock }));
  const snapshots = createSnapshots({ dataDir, native, clock });
  const place = { store, snapshots, dataDir, tools: createImageTools({ dataDir, native, clock, store, snapshots }) };
  opened.set(dataDir, place);
  return place;
}

async function answer({ operation, dataDir, parameters }) {
  if (operation !== "close") return operations[operation](await open(dataDir), parameters);
  await opened.get(dataDir)?.store.close();
  opened.delete(dataDir);
}

process.stdout.write("started\n");
for await (const line of createInterface({ input: process.stdin })) {
  const reply = await answer(JSON.parse(line)).then(
    () => ({ ok: true }),
    (error) => ({ error: { code: error.code ?? null, text: error.stack } }),
  );
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
