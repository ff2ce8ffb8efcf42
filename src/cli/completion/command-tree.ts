import type { Command } from "commander";

export interface OptionShape {
  /** "--name", "-J": all its forms. */
  flags: readonly string[];
  description: string;
  takesValue: boolean;
  choices: readonly string[];
}

export interface CommandShape {
  /** Words after "berth": [] for the program, ["images", "rm"]. */
  path: readonly string[];
  summary: string;
  options: readonly OptionShape[];
  subcommands: readonly { name: string; summary: string }[];
  /** Words its arguments may be, when they are known. */
  choices: readonly string[];
  /** What its arguments are, when they can be asked for. */
  completes: "jobs" | "nodes" | "images" | "files";
}

const JOB_VERBS = new Set(["get", "logs", "events", "wait", "cancel"]);
const IMAGE_VERBS = new Set(["run", "inspect", "rm", "tag", "save"]);

/** All commands of the program that are not hidden, as plain data. */
export function describeCommands(program: Command): CommandShape[] {
  return shapes(program, []);
}

function shapes(command: Command, path: readonly string[]): CommandShape[] {
  const help = command.createHelp();
  const visible = help.visibleCommands(command).filter((sub) => sub.name() !== "help");
  const shape: CommandShape = {
    path,
    summary: command.summary() || command.description(),
    options: help.visibleOptions(command).map((option) => ({
      flags: [option.long, option.short].filter((flag): flag is string => typeof flag === "string"),
      description: option.description,
      takesValue: option.required || option.optional,
      choices: option.argChoices ?? [],
    })),
    subcommands: visible.map((sub) => ({ name: sub.name(), summary: sub.summary() || sub.description() })),
    choices: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
    completes: completesOf(command.name()),
  };
  return [shape, ...visible.flatMap((sub) => shapes(sub, [...path, sub.name()]))];
}

function completesOf(name: string): CommandShape["completes"] {
  if (JOB_VERBS.has(name)) return "jobs";
  if (name === "nodes") return "nodes";
  return IMAGE_VERBS.has(name) ? "images" : "files";
}
