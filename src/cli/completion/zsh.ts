import { bashScript } from "./bash.ts";
import type { CommandShape } from "./command-tree.ts";

/** zsh runs the bash script through its own emulation of complete and compgen. */
export function zshScript(commands: readonly CommandShape[]): string {
  const body = bashScript(commands).replace("# bash completion for berth\n", "");
  return `#compdef berth
autoload -U +X bashcompinit && bashcompinit
${body}`;
}
