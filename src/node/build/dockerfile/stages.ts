import { buildError, instructionError } from "../build-error.ts";
import { wordsOf } from "./arguments.ts";
import type { Instruction } from "./parse-dockerfile.ts";
import type { Lookup } from "./words.ts";

/** One FROM and what follows it. */
export interface Stage {
  index: number;
  name: string | null;
  /** An image reference, an earlier stage's name, or "scratch"; ARGs before the first FROM are filled in. */
  from: string;
  fromInstruction: Instruction;
  instructions: Instruction[];
}

/** Instructions before the first FROM (only ARG may stand there), and the stages. @throws BerthError build_failed */
export function splitStages(instructions: readonly Instruction[]): { globals: Instruction[]; stages: Instruction[][] } {
  const first = instructions.findIndex(({ keyword }) => keyword === "FROM");
  if (first < 0) throw buildError("the Dockerfile has no FROM");
  const globals = instructions.slice(0, first);
  const early = globals.find(({ keyword }) => keyword !== "ARG");
  if (early !== undefined) throw instructionError(early, "only ARG may stand before the first FROM");
  const stages: Instruction[][] = [];
  for (const instruction of instructions.slice(first)) {
    if (instruction.keyword === "FROM") stages.push([instruction]);
    else stages.at(-1)?.push(instruction);
  }
  return { globals, stages };
}

/** Reads "FROM image [AS name]". @throws BerthError build_failed */
export function readStage(index: number, [from, ...rest]: readonly Instruction[], lookup: Lookup): Stage {
  const fromInstruction = from as Instruction;
  const words = wordsOf(fromInstruction, lookup);
  const [image, as, name] = words;
  const wellFormed = image !== undefined && image !== "" && (words.length === 1 || (words.length === 3 && as?.toUpperCase() === "AS"));
  if (!wellFormed) throw instructionError(fromInstruction, "write it as FROM IMAGE [AS NAME]; a variable in it may be empty");
  return { index, name: name?.toLowerCase() ?? null, from: image, fromInstruction, instructions: rest };
}

/** A stage before `before` by name or number; null when there is none. */
export function findStage(stages: readonly Stage[], reference: string, before: number): Stage | null {
  const earlier = stages.slice(0, before);
  const byName = earlier.findLast((stage) => stage.name === reference.toLowerCase());
  return byName ?? (/^\d{1,4}$/.test(reference) ? (earlier[Number(reference)] ?? null) : null);
}

/** The stages to build for `target`, in order: itself and what it takes from. @throws BerthError build_failed */
export function stagesFor(stages: readonly Stage[], target: string | null): Stage[] {
  const last = target === null ? stages.at(-1) : findStage(stages, target, stages.length);
  if (last === undefined || last === null) throw buildError(`the Dockerfile has no stage ${JSON.stringify(target)}`);
  const needed = new Set<Stage>();
  const visit = (stage: Stage): void => {
    if (needed.has(stage)) return;
    needed.add(stage);
    const sources = [stage.from, ...stage.instructions.flatMap(({ flags }) => flags.get("from") ?? [])];
    for (const source of sources) {
      const found = findStage(stages, source, stage.index);
      if (found !== null) visit(found);
    }
  };
  visit(last);
  return stages.filter((stage) => needed.has(stage));
}
