import { join } from "node:path";
import { platformArchitecture } from "../../shared/oci/index.ts";
import { type Image, storePaths } from "../images/index.ts";
import { openBuildCache } from "./build-cache.ts";
import { buildError, instructionError } from "./build-error.ts";
import type { BuildRun, Verb } from "./build-run.ts";
import { type Context, openContext } from "./context/open-context.ts";
import { allowFlags, flagOf } from "./dockerfile/arguments.ts";
import { type Instruction, parseDockerfile } from "./dockerfile/parse-dockerfile.ts";
import { findStage, readStage, type Stage, splitStages, stagesFor } from "./dockerfile/stages.ts";
import { argVerb, declareArgs } from "./instructions/arg.ts";
import { copy } from "./instructions/copy.ts";
import { cmd, entrypoint, env, expose, label, shell, stopSignal, user, volume } from "./instructions/metadata.ts";
import { run as runVerb } from "./instructions/run.ts";
import { workdir } from "./instructions/workdir.ts";
import { imageConfigOf, type StageState, scratchState, stateOfImage } from "./stage-state.ts";
import type { BuildOptions, BuildPorts } from "./types.ts";
import { createWorkspace, type Workspace } from "./workspace.ts";

/**
 * Builds an image from a Dockerfile and its context. Only the stages that the target needs are built, in order.
 * @throws BerthError build_failed (naming the line), image_not_found, invalid_reference, layer_invalid, insufficient_storage
 */
export async function buildImage(options: BuildOptions, ports: BuildPorts): Promise<Image> {
  const workspace = await createWorkspace(ports);
  try {
    const folder = join(workspace.directory, "context");
    const path = options.dockerfile ?? "Dockerfile";
    const context = await openContext({ tar: options.contextTar, folder, path, native: ports.native, signal: ports.signal });
    try {
      return await buildFrom(options, ports, context, workspace);
    } finally {
      context.root.close();
    }
  } finally {
    await workspace.remove();
  }
}

async function buildFrom(options: BuildOptions, ports: BuildPorts, context: Context, workspace: Workspace): Promise<Image> {
  const instructions = splitStages(parseDockerfile(context.dockerfile));
  const unusedArgs = new Set(Object.keys(options.buildArgs ?? {}));
  const globals = globalArgs(instructions.globals, options, unusedArgs);
  const stages = instructions.stages.map((stage, index) => readStage(index, stage, (name) => globals.get(name)));
  const needed = stagesFor(stages, options.target ?? null);
  const cache = await openBuildCache(storePaths(ports.dataDir).buildCacheFile, ports.store, ports.clock);
  const run: BuildRun = { ...workspace, ports, options, context, cache, epochMs: epochOf(options), stages, built: new Map(), unusedArgs };
  const say = stepCounter(ports, needed);
  try {
    for (const stage of needed) run.built.set(stage.index, await buildStage(run, stage, verbs(globals), say));
  } finally {
    await cache.save();
  }
  for (const name of unusedArgs) ports.progress({ step: "warning", detail: `build argument ${name} was not used` });
  return commit(run, run.built.get((needed.at(-1) as Stage).index) as StageState);
}

function verbs(globals: ReadonlyMap<string, string>): Record<string, Verb> {
  return {
    ADD: copy,
    ARG: argVerb(globals),
    CMD: cmd,
    COPY: copy,
    ENTRYPOINT: entrypoint,
    ENV: env,
    EXPOSE: expose,
    LABEL: label,
    RUN: runVerb,
    SHELL: shell,
    STOPSIGNAL: stopSignal,
    USER: user,
    VOLUME: volume,
    WORKDIR: workdir,
  };
}

async function buildStage(
  run: BuildRun,
  stage: Stage,
  table: Record<string, Verb>,
  say: (instruction: Instruction) => void,
): Promise<StageState> {
  say(stage.fromInstruction);
  let state = await baseState(run, stage);
  for (const instruction of stage.instructions) {
    run.ports.signal.throwIfAborted();
    say(instruction);
    const verb = Object.hasOwn(table, instruction.keyword) ? table[instruction.keyword] : undefined;
    if (verb === undefined) throw instructionError(instruction, `${instruction.keyword} is not supported`);
    state = await verb(run, state, instruction, stage);
  }
  return state;
}

async function baseState(run: BuildRun, stage: Stage): Promise<StageState> {
  const { fromInstruction, from } = stage;
  allowFlags(fromInstruction, ["platform"]);
  const platform = flagOf(fromInstruction, "platform", () => undefined);
  const own = `linux/${platformArchitecture()}`;
  if (platform !== null && platform !== "" && platform !== own)
    throw instructionError(fromInstruction, `this node builds ${own} only, not ${platform}`);
  if (from === "scratch") return scratchState();
  const earlier = findStage(run.stages, from, stage.index);
  // ARGs end with their stage.
  if (earlier !== null) return { ...(run.built.get(earlier.index) as StageState), args: new Map(), ownCmd: false };
  const image = await run.ports.store.get(from);
  await run.ports.trust?.admitImage(from, image, run.ports.signal);
  await run.hold([...image.chainIds, image.digest, image.configDigest, ...image.layers.map((layer) => layer.digest)]);
  return { ...stateOfImage(image), base: { name: baseName(from, image), digest: image.digest } };
}

/** A digest names no base that people know: the image's own name does. */
function baseName(from: string, image: Image): string {
  return image.references.find((name) => !name.includes("@")) ?? from;
}

async function commit(run: BuildRun, state: StageState): Promise<Image> {
  const { tags, labels } = run.options;
  const config = withLabels(state, labels ?? {});
  const createdAt = run.epochMs ?? state.createdAt;
  const [first = null, ...others] = tags;
  const layers = [...state.layers];
  let image = await run.ports.store.commit({ config: imageConfigOf({ ...state, config, createdAt }), layers, reference: first });
  for (const tag of others) image = await run.ports.store.tag(image.digest, tag);
  return image;
}

/** The base is named, so that `berth image rebase` finds it. */
function withLabels({ config, base }: StageState, labels: Readonly<Record<string, string>>): StageState["config"] {
  const ofBase =
    base === null ? {} : { "org.opencontainers.image.base.name": base.name, "org.opencontainers.image.base.digest": base.digest };
  const all = { ...config.Labels, ...ofBase, ...labels };
  return Object.keys(all).length === 0 ? config : { ...config, Labels: all };
}

/** ARGs before the first FROM, with the platform's own below them. */
function globalArgs(instructions: readonly Instruction[], options: BuildOptions, unused: Set<string>): Map<string, string> {
  const arch = platformArchitecture();
  const globals = new Map([
    ["TARGETPLATFORM", `linux/${arch}`],
    ["TARGETOS", "linux"],
    ["TARGETARCH", arch],
    ["BUILDPLATFORM", `linux/${arch}`],
    ["BUILDOS", "linux"],
    ["BUILDARCH", arch],
  ]);
  for (const instruction of instructions) {
    const declared = declareArgs(instruction, { given: options.buildArgs ?? {}, globals }, (name) => globals.get(name), unused);
    for (const [name, value] of declared) globals.set(name, value);
  }
  return globals;
}

/** The build argument SOURCE_DATE_EPOCH, seconds (reproducible-builds.org); null without. */
function epochOf({ buildArgs }: BuildOptions): number | null {
  const text = buildArgs?.SOURCE_DATE_EPOCH;
  if (text === undefined) return null;
  if (!/^\d{1,11}$/.test(text)) throw buildError(`SOURCE_DATE_EPOCH ${JSON.stringify(text)} is not a number of seconds`);
  return Number(text) * 1000;
}

function stepCounter(ports: BuildPorts, stages: readonly Stage[]): (instruction: Instruction) => void {
  const total = stages.reduce((sum, stage) => sum + 1 + stage.instructions.length, 0);
  let current = 0;
  return ({ keyword, flags, text }) => {
    current++;
    const words = [keyword, ...[...flags].map(([name, value]) => `--${name}=${value}`), text.replace(/\s+/g, " ")];
    ports.progress({ step: "build", detail: `Step ${current}/${total} : ${words.join(" ")}`, current, total });
  };
}
