import { BerthError } from "../../shared/domain/index.ts";

/** A failure that the Dockerfile's author can do something about. */
export function buildError(message: string, cause?: unknown): BerthError {
  return new BerthError("build_failed", message, cause === undefined ? {} : { cause });
}

/** The same, naming the instruction: "Dockerfile line 3: COPY: ...". */
export function instructionError(instruction: { line: number; keyword: string }, message: string, cause?: unknown): BerthError {
  return buildError(`Dockerfile line ${instruction.line}: ${instruction.keyword}: ${message}`, cause);
}

/** Names the instruction in plain errors of `work`; BerthErrors and system errors pass. */
export async function nameProblem<T>(instruction: { line: number; keyword: string }, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const plain = error instanceof Error && !(error instanceof BerthError) && !("code" in error) && error.name === "Error";
    throw plain ? instructionError(instruction, error.message, error) : error;
  }
}
