import { chainIdsOf, platformArchitecture } from "../../shared/oci/index.ts";
import type { Descriptor, Image, ImageConfig } from "../images/index.ts";
import type { Lookup } from "./dockerfile/words.ts";

/** A stage as far as it is built. Instructions return a new one. */
export interface StageState {
  config: ImageConfig["config"];
  layers: readonly Descriptor[];
  diffIds: readonly string[];
  history: NonNullable<ImageConfig["history"]>;
  /** Values of the ARGs declared in this stage so far. */
  args: ReadonlyMap<string, string>;
  /** CMD was given in this stage: a later ENTRYPOINT keeps it. */
  ownCmd: boolean;
  /** Time of the youngest layer, milliseconds since the epoch. */
  createdAt: number;
  /** The image it began with; null for scratch. */
  base: { name: string; digest: string } | null;
}

export function scratchState(): StageState {
  return { config: {}, layers: [], diffIds: [], history: [], args: new Map(), ownCmd: false, createdAt: 0, base: null };
}

export function stateOfImage(image: Image): StageState {
  const createdAt = Date.parse(image.config.created ?? "");
  return {
    config: image.config.config,
    layers: image.layers,
    diffIds: image.config.rootfs.diff_ids,
    history: image.config.history ?? [],
    args: new Map(),
    ownCmd: false,
    createdAt: Number.isNaN(createdAt) ? 0 : createdAt,
    base: null,
  };
}

export function imageConfigOf(state: StageState): ImageConfig {
  return {
    created: isoTime(state.createdAt),
    architecture: platformArchitecture(),
    os: "linux",
    config: state.config,
    rootfs: { type: "layers", diff_ids: [...state.diffIds] },
    history: state.history,
  };
}

/** The state in the shape of an image, for unpacking what is not committed (yet). */
export function asImage(state: StageState): Image {
  return {
    digest: "",
    references: [],
    config: imageConfigOf(state),
    configDigest: "",
    layers: [...state.layers],
    chainIds: chainIdsOf(state.diffIds),
    sizeBytes: 0,
    createdAt: null,
  };
}

/** Variables as instructions see them: ENV wins over ARG. */
export function lookupIn(state: StageState): Lookup {
  const env = envMap(state.config.Env);
  return (name) => env.get(name) ?? state.args.get(name);
}

/** "K=V" strings as a map; the last of a name wins, as execve's readers have it. */
export function envMap(env: readonly string[] | undefined): Map<string, string> {
  return new Map((env ?? []).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}

/** The working folder: absolute, "/" by default. */
export function workdirOf(state: StageState): string {
  return state.config.WorkingDir === undefined || state.config.WorkingDir === "" ? "/" : state.config.WorkingDir;
}

/** As the OCI image spec wants `created`: RFC 3339. */
export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
