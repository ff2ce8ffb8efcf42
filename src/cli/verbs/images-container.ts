import { type Command, InvalidArgumentError, Option } from "commander";

export interface RankOptions {
  rank: number;
}

/** What the verbs about one container call it. */
export const CONTAINER_ARGUMENT = "number of a job that runs on this machine, or a container id";

/** Adds --rank. */
export function withRank(command: Command): Command {
  return command.addOption(new Option("--rank <n>", "which replica of the job").default(0).argParser(rankOf));
}

function rankOf(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("it is not a rank: 0, 1, 2 ...");
  return Number(text);
}
