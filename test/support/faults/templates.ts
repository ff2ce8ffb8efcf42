import { createReadStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createImageStore, createImageTools, createSnapshots, type ImageStore } from "../../../src/node/images/index.ts";
import { loadNative } from "../../../src/node/platform/index.ts";
import { type Clock, systemClock } from "../../../src/shared/domain/index.ts";
import { createRegistryAccess, MEDIA_TYPES } from "../../../src/shared/oci/index.ts";
import { type HostileRegistry, imageManifest } from "../hostile-registry.ts";
import { addLayered, layersOf } from "../layered-image.ts";
import { sha512 } from "../registry-server.ts";
import { END_OF_TAR, paxEntry, rawEntry } from "../tar-bytes.ts";
import { neverAborted } from "../test-store.ts";
import { type Seals, sealsOf } from "./store-state.ts";

/** A store before an operation, and what the operation is told. */
export interface Template {
  /** The operation, and of what when that is not the usual image. */
  name: string;
  operation: string;
  dataDir: string;
  parameters: Record<string, string>;
  /** Names of blobs and layers that are damaged from the start. */
  damaged: ReadonlySet<string>;
}

export interface Templates {
  seals: Seals;
  all: Template[];
}

const BASE = [
  rawEntry({ name: "etc/", type: "5", mode: "0000755" }),
  rawEntry({ name: "etc/passwd", body: "root:x:0:0::/:/bin/sh\n" }),
  rawEntry({ name: "data/", type: "5", mode: "0000750", uid: "0001750" }),
  rawEntry({ name: "data/large", body: "0123456789abcdef".repeat(40_000) }),
];
const APP = [
  paxEntry({ "SCHILY.xattr.user.note": "n", mtime: "1700000000.5" }),
  rawEntry({ name: "etc/app", body: "app" }),
  rawEntry({ name: "etc/again", type: "1", linkName: "etc/app" }),
  rawEntry({ name: "etc/link", type: "2", linkName: "app" }),
  rawEntry({ name: "etc/pipe", type: "6" }),
  rawEntry({ name: "etc/.wh.passwd" }),
  rawEntry({ name: "data/.wh..wh..opq" }),
];
const OTHER = [rawEntry({ name: "other", body: "other" })];
const quiet = () => undefined;
/** Equal in every run, so that what is made is equal too. */
const clock: Clock = { ...systemClock(), now: () => 1_700_000_000_000 };

/** Makes the folders below `top`; `registry` gets what is pulled. */
export async function makeTemplates(top: string, registry: HostileRegistry): Promise<Templates> {
  const place = (name: string) => join(top, name);
  await withStore(place("full"), fill);
  await withStore(place("full"), unpackAll);
  const seals = await sealsOf(place("full"));
  await withStore(place("packed"), fill);
  await withStore(place("scrub"), async (store) => {
    await fill(store);
    await unpackAll(store);
  });
  const damaged = await damage(place("scrub"));
  registry.addImage("1", [tarOf(BASE), tarOf(APP)]);
  await Promise.all([place("empty"), place("files")].map((path) => mkdir(path)));
  await writeFile(place("files/import.tar"), tarOf(APP));
  await withStore(place("full"), async (store) => writeFile(place("files/load.tar"), await store.save(["app:1"], neverAborted())));
  const long = registry.addManifest(imageManifest(registry, [tarOf(BASE), tarOf(APP)], sha512), MEDIA_TYPES.manifest, "long", sha512);
  const longReference = `${registry.host}/app@${long}`;
  await withStore(place("long"), (store) => pullAs(store, longReference, "app:1"));
  for (const [name, seal] of await sealsOf(place("long"))) seals.set(name, seal);
  await withStore(place("long"), async (store) => writeFile(place("files/long.tar"), await store.save(["app:1"], neverAborted())));
  await withStore(place("long-packed"), (store) => store.load(createReadStream(place("files/long.tar")), quiet, neverAborted()));
  const template = (operation: string, folder: string, parameters: Record<string, string> = {}): Template => ({
    ...{ name: operation, operation, dataDir: place(folder), parameters },
    damaged: operation === "scrub" ? damaged : new Set(),
  });
  const named = (made: Template): Template => ({ ...made, name: `${made.operation} of sha512` });
  return {
    seals,
    all: [
      named(template("pull", "empty", { reference: longReference })),
      named(template("load", "empty", { file: place("files/long.tar") })),
      named(template("unpack", "long-packed")),
      named(template("commit", "long")),
      named(template("push", "long")),
      named(template("save", "long")),
      template("pull", "empty", { reference: `${registry.host}/app:1` }),
      template("unpack", "packed"),
      template("commit", "full"),
      template("push", "full"),
      template("prune", "full"),
      template("import", "empty", { file: place("files/import.tar") }),
      template("load", "empty", { file: place("files/load.tar") }),
      template("scrub", "scrub"),
      template("rebase", "full"),
      template("save", "full"),
    ],
  };
}

/** Three named images that share a layer, and one that nothing names. */
async function fill(store: ImageStore): Promise<void> {
  const base = await addLayered(store, "base:1", [BASE]);
  await addLayered(store, "app:1", [...layersOf(base), APP]);
  await addLayered(store, "other:1", [OTHER]);
  await addLayered(store, null, [[rawEntry({ name: "dangling", body: "dangling" })]]);
}

async function unpackAll(store: ImageStore): Promise<void> {
  for (const image of await store.list()) await store.unpack(image, quiet, neverAborted());
}

/** A blob of "other" and an unpacked layer that was sealed before. Returns their names. */
async function damage(dataDir: string): Promise<Set<string>> {
  return withStore(dataDir, async (store) => {
    const ports = { dataDir, native: loadNative(), clock };
    const tools = createImageTools({ ...ports, store, snapshots: createSnapshots(ports) });
    await tools.scrub({ bytesPerSecond: null, unpacked: true, inUse: new Set() }, quiet, neverAborted());
    const { layers, chainIds } = await store.get("other:1");
    const [blob = "", layer = ""] = [layers[0]?.digest.slice(7), chainIds[0]?.slice(7)];
    await writeFile(join(dataDir, "blobs/sha256", blob), "damaged");
    await writeFile(join(dataDir, "layers", layer, "fs/other"), "OTHER");
    return new Set([blob, layer]);
  });
}

async function pullAs(store: ImageStore, reference: string, name: string): Promise<void> {
  const access = createRegistryAccess({ env: { HOME: "/nonexistent" }, clock });
  try {
    const client = await access.clientFor(reference, null);
    const { digest } = await store.pull({ reference, platform: null, client }, quiet, neverAborted());
    await store.tag(digest, name);
  } finally {
    await access.close();
  }
}

async function withStore<T>(dataDir: string, work: (store: ImageStore) => Promise<T>): Promise<T> {
  const store = await createImageStore({ dataDir, native: loadNative(), clock });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

function tarOf(parts: readonly Buffer[]): Buffer {
  return Buffer.concat([...parts, END_OF_TAR]);
}
