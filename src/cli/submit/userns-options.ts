import { type Command, Option } from "commander";

export interface UsernsOptions {
  usernsRemap?: string;
  usernsHost: "allow" | "refuse";
}

/** The node's user namespaces, of `berth up` and `berth agent`. */
export function withUserns(command: Command): Command {
  return command
    .option(
      "--userns-remap <user[:group]>",
      "run containers in user namespaces, with the ids of /etc/subuid and /etc/subgid: default is berth's",
    )
    .addOption(
      new Option("--userns-host <choice>", "whether a job may ask for the host's user namespace all the same")
        .choices(["allow", "refuse"])
        .default("allow"),
    );
}
