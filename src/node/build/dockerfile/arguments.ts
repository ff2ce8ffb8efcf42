import { instructionError } from "../build-error.ts";
import type { Instruction } from "./parse-dockerfile.ts";
import { expandWord, type Lookup, splitWords } from "./words.ts";

/** The words of an instruction, expanded; the JSON form gives words with blanks in them. @throws BerthError build_failed */
export function wordsOf(instruction: Instruction, lookup: Lookup): string[] {
  return naming(instruction, () => {
    const json = jsonWords(instruction.text);
    if (json !== null) return json.map((word) => expandWord(word, lookup, instruction.escapeChar));
    return splitWords(instruction.text, lookup, instruction.escapeChar);
  });
}

/** The whole text as one word, expanded. @throws BerthError build_failed when it is empty */
export function wordOf(instruction: Instruction, lookup: Lookup): string {
  const word = naming(instruction, () => expandWord(instruction.text, lookup, instruction.escapeChar));
  if (word === "") throw instructionError(instruction, "it needs an argument");
  return word;
}

/** A flag's value, expanded; null when the flag is not there. */
export function flagOf(instruction: Instruction, name: string, lookup: Lookup): string | null {
  const value = instruction.flags.get(name);
  return value === undefined ? null : naming(instruction, () => expandWord(value, lookup, instruction.escapeChar));
}

/** Refuses flags that nobody reads: a build must not silently do something else. @throws BerthError build_failed */
export function allowFlags(instruction: Instruction, allowed: readonly string[]): void {
  const unknown = [...instruction.flags.keys()].find((flag) => !allowed.includes(flag));
  if (unknown !== undefined) throw instructionError(instruction, `the flag --${unknown} is not supported`);
}

/**
 * "K=V K2='V 2'" or the old form "K the rest" (ENV and LABEL).
 * @throws BerthError build_failed
 */
export function pairsOf(instruction: Instruction, lookup: Lookup): [string, string][] {
  const old = /^([^\s="']+)\s+(.+)$/s.exec(instruction.text);
  if (old !== null) return [[old[1] as string, naming(instruction, () => expandWord(old[2] as string, lookup, instruction.escapeChar))]];
  const pairs = naming(instruction, () => splitWords(instruction.text, lookup, instruction.escapeChar)).map(splitPair);
  const bad = pairs.find((pair) => pair === null || pair[0] === "");
  if (pairs.length === 0 || bad !== undefined) throw instructionError(instruction, "write it as KEY=VALUE");
  return pairs as [string, string][];
}

/** '["a", "b"]' -> words; null when the text is not a JSON list of strings, which makes it the shell form. */
export function jsonWords(text: string): string[] | null {
  if (!text.startsWith("[")) return null;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : null;
  } catch {
    // As Docker does: what only looks like JSON goes to the shell, which says what is wrong.
    return null;
  }
}

function splitPair(word: string): [string, string] | null {
  const equals = word.indexOf("=");
  return equals < 0 ? null : [word.slice(0, equals), word.slice(equals + 1)];
}

function naming<T>(instruction: Instruction, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw instructionError(instruction, (error as Error).message, error);
  }
}
