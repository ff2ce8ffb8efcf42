import { Argument, Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { bashScript } from "../completion/bash.ts";
import { describeCommands } from "../completion/command-tree.ts";
import { fishScript } from "../completion/fish.ts";
import { zshScript } from "../completion/zsh.ts";
import { action, examples } from "../verb.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** Needs the whole program loaded: the scripts name every verb, option and choice. */
export function completionVerb(io: CliIo): Command {
  const command = new Command("completion")
    .description("Print a completion script for a shell.")
    .addArgument(new Argument("<shell>").choices(["bash", "zsh", "fish"]))
    .action(action(io, (shell: keyof typeof SCRIPTS, _options: object, self: Command) => printScript(io, shell, self)));
  return examples(command, [
    "berth completion bash > /etc/bash_completion.d/berth",
    "berth completion zsh > /usr/local/share/zsh/site-functions/_berth",
    "berth completion fish > ~/.config/fish/completions/berth.fish",
  ]);
}

async function printScript(io: CliIo, shell: keyof typeof SCRIPTS, self: Command): Promise<void> {
  if (self.parent) io.stdout.write(SCRIPTS[shell](describeCommands(self.parent)));
}
