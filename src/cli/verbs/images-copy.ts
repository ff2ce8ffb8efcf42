import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { printValue } from "../output/formats.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { action, examples } from "../verb.ts";

export function imagesCopyCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("copy")))
    .description("Give what one reference names a second reference on this machine; no byte is copied.")
    .argument("<source>")
    .argument("<destination>")
    .action(
      action(io, async (source: string, destination: string, options: TextOptions, self: Command) => {
        const image = await connectNode(io, self).tag(source, destination);
        if (options.output === "json") return printValue(io, "json", image);
        io.stdout.write(`${destination} ${image.digest}\n`);
      }),
    );
  return examples(command, ["berth images copy trainer:v2 registry.example:5000/team/trainer:v2"]);
}
