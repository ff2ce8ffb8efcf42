import type { CommandShape, OptionShape } from "./command-tree.ts";

const QUERIES = { jobs: "berth ps -a -n 50 -o name", nodes: "berth nodes -o name", images: "berth images ls -o name" };

/** A fish completion script: one `complete` line a word. */
export function fishScript(commands: readonly CommandShape[]): string {
  return `# fish completion for berth\ncomplete -c berth -f\n${commands.flatMap(linesOf).join("\n")}\n`;
}

function linesOf(command: CommandShape): string[] {
  const condition = conditionOf(command);
  const subcommands = command.subcommands.map(
    ({ name, summary }) => `complete -c berth ${condition} -a ${quoted(name)} -d ${quoted(summary)}`,
  );
  const options = command.options.map((option) => `complete -c berth ${condition} ${flagsOf(option)} -d ${quoted(option.description)}`);
  return [...subcommands, ...options, ...argumentsOf(command, condition)];
}

function conditionOf(command: CommandShape): string {
  if (command.path.length === 0) return "-n __fish_use_subcommand";
  const seen = command.path.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
  return `-n ${quoted(seen)}`;
}

function argumentsOf(command: CommandShape, condition: string): string[] {
  const choices = command.choices.map((choice) => `complete -c berth ${condition} -a ${quoted(choice)}`);
  if (command.completes === "files")
    return command.subcommands.length === 0 && choices.length === 0 ? [`complete -c berth ${condition} -F`] : choices;
  const query = `(${QUERIES[command.completes]} 2>/dev/null | string replace -r '^[a-z]*/' '')`;
  return [...choices, `complete -c berth ${condition} -a ${quoted(query)}`];
}

function flagsOf(option: OptionShape): string {
  const flags = option.flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const values = option.choices.length > 0 ? [`-a ${quoted(option.choices.join(" "))}`] : [];
  return [...flags, ...(option.takesValue ? ["-r"] : []), ...values].join(" ");
}

/** fish single quotes: only backslash and ' are escaped inside. */
function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
