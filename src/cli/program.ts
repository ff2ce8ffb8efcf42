import { Command } from "commander";
import type { CliIo } from "./cli-io.ts";
import { withHost, withNode } from "./client/connect.ts";
import { VERBS, type VerbEntry } from "./verbs/catalogue.ts";

const OPTIONS_WITH_VALUE = new Set(["--host", "--token", "--token-file", "--ca-file", "--node"]);

/** The verb of a command line: its first word that is neither an option nor the value of one. */
export function verbOf(argv: readonly string[]): VerbEntry | undefined {
  const words = argv.filter((word, index) => !word.startsWith("-") && !OPTIONS_WITH_VALUE.has(argv[index - 1] ?? ""));
  const name = words[0] === "help" ? words[1] : words[0];
  return VERBS.find((verb) => verb.name === name);
}

/** The verb and what stands below it, as written: ["project", "set"]. */
export function wordsOfCommand(program: Command, argv: readonly string[]): string[] {
  const verb = verbOf(argv);
  if (verb === undefined) return [];
  const words = [verb.name];
  let command = program.commands.find((one) => one.name() === verb.name);
  for (const word of argv.slice(argv.indexOf(verb.name) + 1)) {
    command = command?.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (command === undefined) break;
    words.push(word);
  }
  return words;
}

/** The program with every verb named but only `loaded` defined; the others are lines of the help. */
export async function buildProgram(io: CliIo, loaded: readonly VerbEntry[]): Promise<Command> {
  const program = withNode(withHost(new Command("berth")))
    .description("Berth runs GPU training jobs in containers across your machines.")
    .usage("[options] VERB ...")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .helpCommand("help [verb]", "help on a verb")
    .addHelpText("after", HELP_FOOTER);
  for (const verb of VERBS) program.addCommand(await commandOf(io, verb, loaded.includes(verb)), { hidden: verb.hidden ?? false });
  for (const command of allCommands(program)) settle(command, io);
  return program;
}

async function commandOf(io: CliIo, verb: VerbEntry, isLoaded: boolean): Promise<Command> {
  if (!isLoaded) return new Command(verb.name).summary(verb.summary).description(verb.summary);
  return (await verb.load())(io).summary(verb.summary);
}

/** The command and everything below it: settings such as exitOverride are not handed down by commander. */
export function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

function settle(command: Command, io: CliIo): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout.write(text),
    writeErr: (text) => io.stderr.write(text),
    outputError: () => undefined,
  });
}

const HELP_FOOTER = `
Environment:
  BERTH_HOST, BERTH_TOKEN, BERTH_TOKEN_FILE, BERTH_NODE   as the options
  NO_COLOR                                                no colours

Exit codes:
  0 ok, 1 error, 2 wrong usage; run, wait and submit --follow return the job's own code, or
  124 time limit, 125 Berth's fault, 126 not executable, 127 command not found, 137 out of memory,
  143 cancelled, 130 left by Ctrl-C

Start:
  berth up                              # this machine, everything embedded
  berth run --gpus 1 IMAGE nvidia-smi   # queue it, follow it, get its exit code`;
