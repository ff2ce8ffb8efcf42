import { setImmediate } from "node:timers/promises";
import { Command, CommanderError } from "commander";
import { type CliIo, Interrupted, processIo } from "./cli-io.ts";
import { EXIT } from "./exit-codes.ts";
import { fileError } from "./files/file-error.ts";
import { printError } from "./output/errors.ts";
import { buildProgram, verbOf, wordsOfCommand } from "./program.ts";
import { VERBS } from "./verbs/catalogue.ts";

/** Runs one command line and returns what to exit with. Never throws. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const verb = verbOf(argv);
  let program = new Command();
  try {
    program = await buildProgram(io, verb?.wholeProgram ? VERBS : verb ? [verb] : []);
    await program.parseAsync(argv, { from: "user" });
    return io.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return usageExit(io, error, argv, program);
    printError(io, error);
    if (error instanceof Interrupted) return EXIT.interrupted;
    // `run` returns the job's code, which may well be 1: Berth's own failures need one that no job is likely to use.
    return verb?.name === "run" ? EXIT.infrastructure : EXIT.error;
  }
}

async function usageExit(io: CliIo, error: CommanderError, argv: readonly string[], program: Command): Promise<number> {
  if (error.exitCode === 0) return EXIT.ok;
  // Commander's own way of "print the help because there is no verb": the help is already out.
  if (error.code === "commander.help") return EXIT.usage;
  io.stderr.write(`error: ${error.message.replace(/^error: /, "")}\n`);
  const below = error.code === "commander.unknownCommand" ? await imageCommand(io, argv) : null;
  const help = ["berth", ...wordsOfCommand(program, argv), "--help"].join(" ");
  io.stderr.write(below === null ? `hint: \`${help}\` shows how to write it\n` : `hint: it is \`berth images ${below}\` here\n`);
  return EXIT.usage;
}

/** What those used to Docker write without `images`: "berth load", "berth rmi". */
async function imageCommand(io: CliIo, argv: readonly string[]): Promise<string | null> {
  const word = argv.find((text) => !text.startsWith("-"))?.replace(/^rmi$/, "rm");
  const images = await VERBS.find(({ name }) => name === "images")?.load();
  return images?.(io).commands.some((command) => command.name() === word) ? (word ?? null) : null;
}

/** The process's entry, called by bin/berth.mjs. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // `berth ps | head`: a reader that has seen enough is no error.
    if (error.code === "EPIPE") process.exit(EXIT.ok);
    printError(processIo(), fileError("write", "the output", error));
    process.exit(EXIT.error);
  });
  // What only people read may get lost: a log on a full disk must not end `berth up`, nor change an exit code.
  process.stderr.on("error", () => undefined);
  const code = await runCli(argv, processIo());
  // The last write may have failed: that is told after it.
  await setImmediate();
  process.exit(code);
}
