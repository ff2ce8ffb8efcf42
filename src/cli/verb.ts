import type { Command } from "commander";
import type { CliIo } from "./cli-io.ts";

/** A verb's module gives its commander command; the action resolves with the exit code. */
export type DefineVerb = (io: CliIo) => Command;

/** Wraps an action so that the number it resolves with becomes the exit code; anything else is 0. */
export function action<Arguments extends unknown[]>(
  io: CliIo,
  run: (...values: Arguments) => Promise<unknown>,
): (...values: Arguments) => Promise<void> {
  return async (...values) => {
    const code = await run(...values);
    io.exitCode = typeof code === "number" ? code : 0;
  };
}

/** The examples at the end of --help; each is a line of shell, a comment after it says what it does. */
export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}
