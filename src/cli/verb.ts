import type { Command } from "commander";
import type { CliIo } from "./cli-io.ts";

/** A verb's module gives its commander command; the action resolves with the exit code. */
export type DefineVerb = (io: CliIo) => Command;

/** Wraps an action so that its exit code reaches the process. */
export function action<Arguments extends unknown[]>(
  io: CliIo,
  run: (...values: Arguments) => Promise<number | void>,
): (...values: Arguments) => Promise<void> {
  return async (...values) => {
    io.exitCode = (await run(...values)) ?? 0;
  };
}

/** The examples at the end of --help; each is a line of shell, a comment after it says what it does. */
export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}
