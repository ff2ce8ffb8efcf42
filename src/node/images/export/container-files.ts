import type { Readable } from "node:stream";
import type { Clock } from "../../../shared/domain/index.ts";
import type { Native, ReadableRoot } from "../../platform/index.ts";
import type { Image, ImageConfig, ImageStore, Snapshots } from "../types.ts";
import { diffLayers, type FileChange } from "./diff-layers.ts";
import { exportLayers } from "./export-layers.ts";
import { driverLayersIn, foreignPaths } from "./foreign-paths.ts";

/** A container whose folder is still there. */
export interface ContainerPlace {
  /** Holds `upper` and `bundle`. */
  dir: string;
  imageDigest: string;
  /** It has GPUs: the driver's layer is above the image's. */
  gpus: boolean;
}

export interface CommitOptions {
  reference: string | null;
  /** Applied to the image's config. */
  change: (config: ImageConfig["config"]) => ImageConfig["config"] | Promise<ImageConfig["config"]>;
  author: string | null;
  message: string | null;
}

interface Ports {
  /** Where the node keeps its driver layers. */
  driverLayers: string;
  native: Native;
  clock: Clock;
  store: ImageStore;
  snapshots: Snapshots;
}

/** What changed in a container, in the order of the names. @throws BerthError image_not_found */
export async function diffContainer(ports: Ports, place: ContainerPlace): Promise<FileChange[]> {
  const image = await ports.store.get(place.imageDigest);
  const { exclude } = await foreign(ports, place);
  const [upper, ...lowers] = await openLayers(ports, place, image);
  try {
    return await diffLayers(upper as ReadableRoot, lowers, exclude);
  } finally {
    for (const root of [upper, ...lowers]) root?.close();
  }
}

/** All files of a container, as it has changed them, without the GPU driver's. @throws BerthError image_not_found */
export async function exportContainer(ports: Ports, place: ContainerPlace, signal: AbortSignal): Promise<Readable> {
  const image = await ports.store.get(place.imageDigest);
  const { exclude } = await foreign(ports, place);
  return exportLayers(await openLayers(ports, place, image), exclude, signal);
}

/** The container's writable layer as one more layer on its image. @throws BerthError image_not_found, conflict (a file grew meanwhile) */
export async function commitContainer(ports: Ports, place: ContainerPlace, options: CommitOptions, signal: AbortSignal): Promise<Image> {
  const image = await ports.store.get(place.imageDigest);
  const { exclude } = await foreign(ports, place);
  const layer = await ports.store.addLayer(await ports.snapshots.diff(place.dir, { exclude }), signal);
  const created = new Date(ports.clock.now()).toISOString();
  const before = image.config;
  const entry = {
    created,
    created_by: "berth commit",
    ...(options.message === null ? {} : { comment: options.message }),
  };
  return ports.store.commit({
    config: {
      ...before,
      created,
      config: await options.change(before.config),
      rootfs: { type: "layers", diff_ids: [...before.rootfs.diff_ids, layer.diffId] },
      history: [...(before.history ?? []), options.author === null ? entry : { ...entry, author: options.author }],
    },
    layers: [...image.layers, layer.descriptor],
    reference: options.reference,
  });
}

async function foreign({ driverLayers }: Ports, { dir, gpus }: ContainerPlace) {
  return foreignPaths(dir, gpus ? await driverLayersIn(driverLayers) : []);
}

/** The writable layer and the image's, top first. */
async function openLayers({ native, snapshots }: Ports, { dir }: ContainerPlace, image: Image): Promise<ReadableRoot[]> {
  const folders = await snapshots.lowerDirs(image.chainIds);
  return Promise.all([snapshots.openUpper(dir), ...folders.map((folder) => native.openRoot(folder))]);
}
