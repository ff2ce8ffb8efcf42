import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { printValue } from "../output/formats.ts";
import { action, examples } from "../verb.ts";

/** What node.sock says of one image: digest, names, config as the OCI image spec has it, layers with sizes in bytes. */
export function imagesInspectCommand(io: CliIo): Command {
  const command = withNode(new Command("inspect"))
    .description("Print an image's configuration and layers as JSON.")
    .argument("<image>")
    .action(
      action(io, async (image: string, _options: object, self: Command) =>
        printValue(io, "json", await connectNode(io, self).inspect(image)),
      ),
    );
  return examples(command, ["berth images inspect debian:bookworm | jq .config.config.Env"]);
}
