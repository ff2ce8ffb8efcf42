import { rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { chainIdsOf } from "../../shared/oci/index.ts";
import type { DiffOptions, StoredLayer } from "../images/index.ts";
import type { StepResult } from "./build-cache.ts";
import type { BuildRun } from "./build-run.ts";
import type { Instruction } from "./dockerfile/parse-dockerfile.ts";
import { asImage, isoTime, type StageState } from "./stage-state.ts";

/** Changes the mounted root file system of a stage. */
export interface LayerWork {
  /** Everything that decides the outcome besides the layers below. */
  inputs: object;
  /** What the history says. */
  createdBy: string;
  diff?: DiffOptions;
  change(place: { containerDir: string; rootfs: string }): Promise<void>;
}

/** Bytes of a tar with no entry. */
const EMPTY_TAR_SIZE = 1024;

/**
 * Runs a step that makes a layer, or takes the layer from the cache when the same step stood on the same layers before.
 */
export async function layerStep(run: BuildRun, state: StageState, instruction: Instruction, work: LayerWork): Promise<StageState> {
  const inputs = { parent: chainIdsOf(state.diffIds).at(-1) ?? null, keyword: instruction.keyword, epochMs: run.epochMs, ...work.inputs };
  const known = run.options.noCache === true ? null : await run.cache.find(inputs);
  if (known !== null) run.ports.progress({ step: "build", detail: " ---> using cache" });
  const result = known ?? (await makeLayer(run, state, work));
  if (known === null) run.cache.remember(inputs, result);
  if (result.layer !== null) await run.hold([result.layer.descriptor.digest]);
  return withLayer(state, result, work.createdBy);
}

/** The state with a history entry, and the layer when the step made one. */
export function withLayer(state: StageState, result: StepResult, createdBy: string): StageState {
  const createdAt = Math.max(state.createdAt, result.createdAt);
  const entry = { created: isoTime(createdAt), created_by: createdBy };
  if (result.layer === null) return { ...state, history: [...state.history, { ...entry, empty_layer: true }] };
  return {
    ...state,
    createdAt,
    layers: [...state.layers, result.layer.descriptor],
    diffIds: [...state.diffIds, result.layer.diffId],
    history: [...state.history, entry],
  };
}

async function makeLayer(run: BuildRun, state: StageState, work: LayerWork): Promise<StepResult> {
  const { store, snapshots, progress, signal, clock } = run.ports;
  const image = asImage(state);
  await run.hold(image.chainIds);
  await store.unpack(image, progress, signal);
  const containerDir = run.workingFolder();
  try {
    const { rootfs } = await snapshots.mount(containerDir, image.chainIds);
    await work.change({ containerDir, rootfs });
    // The upper folder stands still only once nothing is mounted on it.
    await snapshots.unmount(containerDir);
    const latest = run.epochMs === null ? {} : { latestMtimeNs: BigInt(run.epochMs) * 1_000_000n };
    const layer = await storeDiff(run, containerDir, { ...work.diff, ...latest });
    return { layer, createdAt: run.epochMs ?? clock.now() };
  } finally {
    await snapshots.unmount(containerDir);
    await rm(containerDir, { recursive: true, force: true });
  }
}

async function storeDiff(run: BuildRun, containerDir: string, options: DiffOptions): Promise<StoredLayer | null> {
  const tar = await run.ports.snapshots.diff(containerDir, options);
  let bytes = 0;
  const counted = async function* () {
    for await (const chunk of tar as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      yield chunk;
    }
  };
  const layer = await run.ports.store.addLayer(Readable.from(counted(), { objectMode: false }), run.ports.signal);
  return bytes === EMPTY_TAR_SIZE ? null : layer;
}
