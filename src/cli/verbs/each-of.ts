import type { CliIo } from "../cli-io.ts";
import { EXIT } from "../exit-codes.ts";
import { printError } from "../output/errors.ts";

/**
 * Does something with each of the arguments in turn; one that fails is told and keeps none of the others from it.
 * @returns 1 when one failed, else 0
 */
export async function eachOf(io: CliIo, names: readonly string[], work: (name: string) => Promise<void>): Promise<number> {
  let exitCode: number = EXIT.ok;
  for (const name of names) {
    try {
      await work(name);
    } catch (error) {
      printError(io, error);
      exitCode = EXIT.error;
    }
  }
  return exitCode;
}
