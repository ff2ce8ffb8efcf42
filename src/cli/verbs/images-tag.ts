import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { printValue } from "../output/formats.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { action, examples } from "../verb.ts";

/** Quiet as `docker tag`; -o json prints the image. */
export function imagesTagCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("tag")))
    .description("Give an image another name.")
    .argument("<source>")
    .argument("<reference>")
    .action(
      action(io, async (source: string, reference: string, options: TextOptions, self: Command) => {
        const image = await connectNode(io, self).tag(source, reference);
        if (options.output === "json") await printValue(io, "json", image);
      }),
    );
  return examples(command, ["berth images tag trainer:v2 trainer:latest"]);
}
