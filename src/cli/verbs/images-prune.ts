import { Command } from "commander";
import { formatBytes } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { printValue } from "../output/formats.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { action, examples } from "../verb.ts";

/** Prints what was freed. Images without a name go too, unless a container stands on them. */
export function imagesPruneCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("prune")))
    .description("Free what no named image and no container needs.")
    .action(
      action(io, async (options: TextOptions, self: Command) => {
        const result = await connectNode(io, self).prune();
        if (options.output === "json") return printValue(io, "json", result);
        io.stdout.write(`freed ${formatBytes(result.freedBytes)}\n`);
      }),
    );
  return examples(command, ["berth images prune"]);
}
