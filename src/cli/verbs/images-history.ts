import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { type FormatOptions, printListing, withFormats } from "../output/formats.ts";
import { historyListing, historyOf } from "../output/image-history.ts";
import { action, examples } from "../verb.ts";

/** From the image's config alone, so what a builder wrote there is not proven. */
export function imagesHistoryCommand(io: CliIo): Command {
  const command = withFormats(withNode(new Command("history")))
    .description("Show how an image was made, newest step first.")
    .argument("<image>")
    .action(
      action(io, async (image: string, options: FormatOptions, self: Command) =>
        printListing(io, options, historyListing(io.clock.now()), historyOf(await connectNode(io, self).inspect(image))),
      ),
    );
  return examples(command, ["berth images history trainer:v2", "berth images history trainer:v2 -o wide"]);
}
