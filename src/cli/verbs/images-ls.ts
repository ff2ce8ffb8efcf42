import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { type FormatOptions, printListing, withFormats } from "../output/formats.ts";
import { imageListing } from "../output/image-listing.ts";
import { action, examples } from "../verb.ts";

/** This node's images, untagged ones too. */
export function imagesLsCommand(io: CliIo): Command {
  const command = withFormats(withNode(new Command("ls")))
    .description("List images.")
    .action(
      action(io, async (options: FormatOptions, self: Command) =>
        printListing(io, options, imageListing(io.clock.now()), await connectNode(io, self).images()),
      ),
    );
  return examples(command, ["berth images ls -o wide"]);
}
