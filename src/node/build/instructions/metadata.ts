import type { ImageConfig } from "../../images/index.ts";
import { instructionError } from "../build-error.ts";
import type { Verb } from "../build-run.ts";
import { allowFlags, jsonWords, pairsOf, wordOf, wordsOf } from "../dockerfile/arguments.ts";
import type { Instruction } from "../dockerfile/parse-dockerfile.ts";
import { withLayer } from "../layer-step.ts";
import { envMap, lookupIn, type StageState } from "../stage-state.ts";

type Config = ImageConfig["config"];

/** An instruction that only changes the image's config. */
function configVerb(change: (state: StageState, instruction: Instruction) => Config): Verb {
  return async (_run, state, instruction) => {
    allowFlags(instruction, []);
    const changed = { ...state, config: change(state, instruction) };
    return withLayer(changed, { layer: null, createdAt: state.createdAt }, `${instruction.keyword} ${instruction.text}`);
  };
}

export const env = configVerb((state, instruction) => {
  const values = envMap(state.config.Env);
  for (const [key, value] of pairsOf(instruction, lookupIn(state))) values.set(key, value);
  return { ...state.config, Env: [...values].map(([key, value]) => `${key}=${value}`) };
});

export const label = configVerb((state, instruction) => ({
  ...state.config,
  Labels: { ...state.config.Labels, ...Object.fromEntries(pairsOf(instruction, lookupIn(state))) },
}));

export const user = configVerb((state, instruction) => ({ ...state.config, User: wordOf(instruction, lookupIn(state)) }));

export const stopSignal = configVerb((state, instruction) => ({ ...state.config, StopSignal: wordOf(instruction, lookupIn(state)) }));

export const expose = configVerb((state, instruction) => {
  const ports = wordsOf(instruction, lookupIn(state)).map((word) => (word.includes("/") ? word : `${word}/tcp`));
  const bad = ports.find((port) => !/^\d{1,5}(?:-\d{1,5})?\/(?:tcp|udp|sctp)$/.test(port));
  if (bad !== undefined) throw instructionError(instruction, `${JSON.stringify(bad)} is not a port; write it as 80 or 80/udp`);
  return { ...state.config, ExposedPorts: { ...state.config.ExposedPorts, ...emptySet(ports) } };
});

export const volume = configVerb((state, instruction) => {
  const paths = wordsOf(instruction, lookupIn(state));
  const bad = paths.find((path) => !path.startsWith("/"));
  if (bad !== undefined) throw instructionError(instruction, `${JSON.stringify(bad)} is not an absolute path`);
  return { ...state.config, Volumes: { ...state.config.Volumes, ...emptySet(paths) } };
});

export const shell = configVerb((state, instruction) => {
  const words = jsonWords(instruction.text);
  if (words === null || words.length === 0) throw instructionError(instruction, 'write it as a JSON list: ["/bin/bash", "-c"]');
  return { ...state.config, Shell: words };
});

export const entrypoint: Verb = async (run, state, instruction, stage) => {
  // A CMD of the base image belongs to the base image's ENTRYPOINT.
  const { Cmd: baseCmd, ...rest } = state.config;
  const config = state.ownCmd && baseCmd !== undefined ? { ...rest, Cmd: baseCmd } : rest;
  const change = configVerb((current) => ({ ...current.config, Entrypoint: commandOf(current, instruction) }));
  return change(run, { ...state, config }, instruction, stage);
};

export const cmd: Verb = async (run, state, instruction, stage) => {
  const change = configVerb((current) => ({ ...current.config, Cmd: commandOf(current, instruction) }));
  return { ...(await change(run, state, instruction, stage)), ownCmd: true };
};

/** The exec form as it stands, the shell form as an argument of the stage's shell. */
export function commandOf(state: StageState, instruction: Instruction): string[] {
  return jsonWords(instruction.text) ?? [...shellOf(state), instruction.text];
}

export function shellOf(state: StageState): readonly string[] {
  return state.config.Shell ?? ["/bin/sh", "-c"];
}

function emptySet(names: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}
