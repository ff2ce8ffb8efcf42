import type { CommandShape } from "./command-tree.ts";

/** A bash completion script that needs no bash-completion package. */
export function bashScript(commands: readonly CommandShape[]): string {
  return `# bash completion for berth
_berth_words() {
  case "$1" in
${commands.map(caseOf).join("\n")}
  esac
}

_berth_values() {
  case "$1:$2" in
${commands.flatMap(valueCases).join("\n")}
    *) return 1 ;;
  esac
}

_berth() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path="" word words
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    words=" $(_berth_words "$path") "
    case "$word" in -*) continue ;; esac
    [[ "$words" == *" $word "* ]] && path="\${path:+$path }$word"
  done
  if words=$(_berth_values "$path" "$previous"); then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  words=$(_berth_words "$path")
  case "$current" in
    -*) ;;
    *)
      case "$path" in
${dynamicCases(commands)}
      esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _berth berth
`;
}

function caseOf(command: CommandShape): string {
  const words = [...command.subcommands.map(({ name }) => name), ...command.choices, ...command.options.flatMap(({ flags }) => flags)];
  return `    "${command.path.join(" ")}") echo "${words.join(" ")}" ;;`;
}

function valueCases(command: CommandShape): string[] {
  return command.options
    .filter((option) => option.choices.length > 0)
    .map(
      (option) =>
        `    ${option.flags.map((flag) => `"${command.path.join(" ")}:${flag}"`).join("|")}) echo "${option.choices.join(" ")}" ;;`,
    );
}

const QUERIES = { jobs: "berth ps -a -n 50 -o name", nodes: "berth nodes -o name", images: "berth images ls -o name" };

function dynamicCases(commands: readonly CommandShape[]): string {
  return commands
    .flatMap((command) => (command.completes === "files" ? [] : [{ path: command.path.join(" "), query: QUERIES[command.completes] }]))
    .map(({ path, query }) => `        "${path}") words="$words $(${query} 2>/dev/null | sed 's,^[a-z]*/,,')" ;;`)
    .join("\n");
}
