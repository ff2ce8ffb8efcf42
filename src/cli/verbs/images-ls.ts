import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { type FormatOptions, printListing, printValue, withFormats } from "../output/formats.ts";
import { imageListing, namedImages } from "../output/image-listing.ts";
import { action, examples } from "../verb.ts";

/** This node's images, untagged ones too. */
export function imagesLsCommand(io: CliIo): Command {
  const command = withFormats(withNode(new Command("ls")))
    .description("List images, a line for each name.")
    .argument("[image]", "only this repository (trainer) or name (trainer:v2)")
    .action(action(io, (wanted: string | undefined, options: FormatOptions, self: Command) => listImages(io, wanted, options, self)));
  return examples(command, ["berth images ls -o wide", "berth images trainer", "berth images rm $(berth images ls trainer -o name)"]);
}

async function listImages(io: CliIo, wanted: string | undefined, options: FormatOptions, self: Command): Promise<void> {
  const images = await connectNode(io, self).images();
  const lines = namedImages(images, wanted);
  if (options.output === "json" || options.output === "yaml") {
    const digests = new Set(lines.map(({ digest }) => digest));
    return printValue(
      io,
      options.output,
      images.filter(({ digest }) => digests.has(digest)),
    );
  }
  const empty = `no image is named ${JSON.stringify(wanted)}; \`berth images --help\` lists the commands`;
  const listing = imageListing(io.clock.now());
  await printListing(io, options, wanted === undefined ? listing : { ...listing, empty }, lines);
}
