import { type Command, Option } from "commander";

export interface UsernsOptions {
  usernsRemap?: string;
  usernsHost: "allow" | "refuse";
  usernsLayers: "auto" | "idmapped" | "chowned";
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
    )
    .addOption(
      new Option("--userns-layers <way>", "how image files get their ids: by the mount, or by copies of the layers")
        .choices(["auto", "idmapped", "chowned"])
        .default("auto"),
    );
}

/** As the agent takes them. */
export function usernsOf({ usernsRemap: remap, usernsHost, usernsLayers: layers }: UsernsOptions) {
  return remap === undefined ? {} : { userns: { remap, allowHost: usernsHost === "allow", layers } };
}
