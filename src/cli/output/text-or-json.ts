import { type Command, Option } from "commander";

export interface TextOptions {
  output: "text" | "json";
}

/** Adds -o text|json, for verbs whose answer is no table. */
export function withTextOrJson(command: Command): Command {
  return command.addOption(new Option("-o, --output <format>", "how to print").choices(["text", "json"]).default("text"));
}
