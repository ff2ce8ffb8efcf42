import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, type Clock, isBerthError } from "../../../shared/domain/index.ts";
import { digestOf, familiarReference, normaliseReference, parseReference, platformArchitecture } from "../../../shared/oci/index.ts";
import { lockFile, type Native } from "../../platform/index.ts";
import { storePaths } from "../paths.ts";
import type { Image, ImageConfig, ImageStore, Progress, StoredLayer } from "../types.ts";
import { FAMILIES, releaseOf } from "./distributions.ts";
import { type HookPlaces, keepPackages, writeHooks } from "./hooks.ts";
import { readHostSources } from "./host-sources.ts";
import { mmdebstrapArguments } from "./mmdebstrap-arguments.ts";
import { makeRecipe, type Recipe } from "./recipe.ts";
import { startMmdebstrap } from "./run-mmdebstrap.ts";

interface BootstrapOptions {
  /** "debian:bookworm": what to make, and its name. */
  reference: string;
  /** Packages besides the minimal system. */
  include: readonly string[];
  /** Another name for the result; null takes `reference`. */
  name?: string | null;
  /** Makes it again with today's packages even when it is there. */
  refresh?: boolean;
  store: ImageStore;
  /** The store's data dir: the chroot is built below it and the packages are kept there. */
  dataDir: string;
  native: Pick<Native, "tryLock" | "syncFileSystem">;
  clock: Clock;
  progress: Progress;
  signal: AbortSignal;
}

const RECIPE_LABEL = "io.berth.bootstrap.recipe";
const INCLUDE_LABEL = "io.berth.bootstrap.include";
const PACKAGES_LABEL = "io.berth.bootstrap.packages";
const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Makes an image from a distribution's packages with mmdebstrap(1). Same packages, same digest. An image of the same
 * recipe (release, packages, mirrors) that is there already is returned as it is, without the network.
 * @throws BerthError bootstrap_failed, invalid_reference, missing_requirement, insufficient_storage; conflict while another one runs
 */
export async function bootstrapImage(options: BootstrapOptions): Promise<Image> {
  const recipe = makeRecipe(releaseOf(options.reference), options.include, await readHostSources("/"), platformArchitecture());
  const name = normaliseReference(options.name ?? options.reference);
  const made = options.refresh === true ? null : await imageOfRecipe(options.store, recipe);
  if (made !== null) return made.references.includes(name) ? made : options.store.tag(made.digest, name);
  const signedBy = await keyringFor(recipe);
  return inRunFolder(options, async (runDir) => {
    const places = await writeHooks(runDir, storePaths(options.dataDir).aptArchives);
    const layer = await makeLayer(options, recipe, places, mmdebstrapArguments(recipe, { hookDir: places.hookDir, signedBy }));
    const packages = await readFile(places.packageList, "utf8");
    const image = await options.store.commit({
      config: configOf(recipe, name, layer, packages),
      layers: [layer.descriptor],
      reference: name,
    });
    await keepPackages(options.native, places.fetched, storePaths(options.dataDir).aptArchives);
    return image;
  });
}

async function imageOfRecipe(store: ImageStore, recipe: Recipe): Promise<Image | null> {
  const images = await store.list();
  // Images that stand on it have its labels too, but more layers or more of a history.
  const bare = images.filter(({ layers, config }) => layers.length === 1 && config.history?.length === 1);
  return bare.find((image) => image.config.config.Labels?.[RECIPE_LABEL] === recipe.id) ?? null;
}

/** Null where apt trusts the family's key already. */
async function keyringFor({ release }: Recipe): Promise<string | null> {
  const { keyring, keyringPackage } = FAMILIES[release.family];
  if (!existsSync(keyring)) {
    throw new BerthError(
      "bootstrap_failed",
      `packages of ${release.family} cannot be verified: ${keyring} is missing: apt-get install ${keyringPackage}`,
    );
  }
  const host = await readFile("/etc/os-release", "utf8");
  return new RegExp(`^ID="?${release.family}"?$`, "m").test(host) ? null : keyring;
}

/** A folder for one run. The lock dies with its holder, so what is there when it is free is a killed run's. */
async function inRunFolder<T>(options: BootstrapOptions, work: (runDir: string) => Promise<T>): Promise<T> {
  const base = join(options.dataDir, "bootstrap");
  await mkdir(join(base, "runs"), { recursive: true, mode: 0o700 });
  const lock = await lockFile(options, join(base, "lock")).catch((error: unknown) => {
    throw isBerthError(error, "data_dir_locked")
      ? new BerthError("conflict", "another image is being bootstrapped on this node", { cause: error })
      : error;
  });
  try {
    await rm(join(base, "runs"), { recursive: true, force: true });
    const runDir = join(base, "runs", randomBytes(4).toString("hex"));
    await mkdir(runDir, { recursive: true, mode: 0o700 });
    return await work(runDir);
  } finally {
    await rm(join(base, "runs"), { recursive: true, force: true });
    await lock.release();
  }
}

async function makeLayer(options: BootstrapOptions, recipe: Recipe, places: HookPlaces, args: readonly string[]): Promise<StoredLayer> {
  const mmdebstrap = startMmdebstrap(args, {
    temporary: places.temporary,
    sourceDateEpoch: recipe.release.sourceDateEpoch,
    onLine: (line) => options.progress({ step: "bootstrap", detail: line }),
  });
  const abort = () => void mmdebstrap.stop();
  options.signal.addEventListener("abort", abort, { once: true });
  try {
    const layer = await options.store.addLayer(mmdebstrap.tar, options.signal);
    await mmdebstrap.finished;
    return layer;
  } catch (error) {
    await mmdebstrap.stop();
    options.signal.throwIfAborted();
    // A tar cut short is the consequence: what mmdebstrap says is the cause.
    if (isBerthError(error, "layer_invalid")) await mmdebstrap.finished;
    throw error;
  } finally {
    options.signal.removeEventListener("abort", abort);
  }
}

function configOf(recipe: Recipe, name: string, layer: StoredLayer, packages: string): ImageConfig {
  const { release } = recipe;
  const created = new Date(release.sourceDateEpoch * 1000).toISOString();
  const command = `berth image bootstrap ${release.family}:${release.codename}${recipe.include.map((item) => ` --include ${item}`).join("")}`;
  return {
    created,
    architecture: platformArchitecture(),
    os: "linux",
    config: {
      Env: [PATH],
      Cmd: ["/bin/bash"],
      Labels: {
        "org.opencontainers.image.title": familiarReference(parseReference(name)),
        "org.opencontainers.image.version": release.version,
        "org.opencontainers.image.created": created,
        [RECIPE_LABEL]: recipe.id,
        [INCLUDE_LABEL]: recipe.include.join(" "),
        [PACKAGES_LABEL]: digestOf(packages),
      },
    },
    rootfs: { type: "layers", diff_ids: [layer.diffId] },
    history: [{ created, created_by: command }],
  };
}
