import { instructionError } from "../build-error.ts";
import type { Verb } from "../build-run.ts";
import { allowFlags } from "../dockerfile/arguments.ts";
import type { Instruction } from "../dockerfile/parse-dockerfile.ts";
import { type Lookup, splitWords } from "../dockerfile/words.ts";
import { lookupIn } from "../stage-state.ts";

/** Values that an ARG may take. */
export interface ArgSources {
  /** --build-arg. */
  given: Readonly<Record<string, string>>;
  /** From ARGs before the first FROM, and the platform's. */
  globals: ReadonlyMap<string, string>;
}

/**
 * ARG NAME[=DEFAULT]...: the value given on the command line, else the default, else the value of an ARG before the
 * first FROM. Without any it is declared, but unset. Names used are taken out of `unused`.
 * @throws BerthError build_failed
 */
export function declareArgs(instruction: Instruction, sources: ArgSources, lookup: Lookup, unused: Set<string>): Map<string, string> {
  allowFlags(instruction, []);
  const declared = new Map<string, string>();
  const seen: Lookup = (name) => declared.get(name) ?? lookup(name);
  for (const word of wordsIn(instruction, seen)) {
    const [, name, fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) throw instructionError(instruction, `${JSON.stringify(word)} is not NAME or NAME=VALUE`);
    unused.delete(name);
    const given = Object.hasOwn(sources.given, name) ? sources.given[name] : undefined;
    const value = given ?? fallback ?? sources.globals.get(name);
    if (value !== undefined) declared.set(name, value);
  }
  return declared;
}

/** The instruction inside a stage. */
export function argVerb(globals: ReadonlyMap<string, string>): Verb {
  return async (run, state, instruction) => {
    const sources = { given: run.options.buildArgs ?? {}, globals };
    const declared = declareArgs(instruction, sources, lookupIn(state), run.unusedArgs);
    return { ...state, args: new Map([...state.args, ...declared]) };
  };
}

function wordsIn(instruction: Instruction, lookup: Lookup): string[] {
  try {
    return splitWords(instruction.text, lookup, instruction.escapeChar);
  } catch (error) {
    throw instructionError(instruction, (error as Error).message, error);
  }
}
