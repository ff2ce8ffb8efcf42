import { Command } from "commander";
import { formatBytes } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { type FormatOptions, printListing, printValue, withFormats } from "../output/formats.ts";
import { imageListing } from "../output/image-listing.ts";
import { action, examples } from "../verb.ts";
import { bootstrapCommand, loadCommand, saveCommand } from "./images-transfer.ts";

export function imagesVerb(io: CliIo): Command {
  return imageCommands(io, "images");
}

/** The singular, for `berth image bootstrap` and for fingers used to Docker. */
export function imageVerb(io: CliIo): Command {
  return imageCommands(io, "image");
}

function imageCommands(io: CliIo, name: string): Command {
  const images = new Command(name).description("List and manage the images of this machine.").enablePositionalOptions();
  const parts = [listCommand, inspectCommand, tagCommand, removeCommand, pruneCommand, saveCommand, loadCommand, bootstrapCommand];
  for (const part of parts) {
    const command = part(io);
    images.addCommand(command, { isDefault: command.name() === "ls" });
  }
  return examples(images, ["berth images", "berth image bootstrap debian:bookworm", "berth images rm trainer:v1"]);
}

function listCommand(io: CliIo): Command {
  const command = withFormats(withNode(new Command("ls")))
    .description("List images.")
    .action(
      action(io, async (options: FormatOptions, self: Command) =>
        printListing(io, options, imageListing(io.clock.now()), await connectNode(io, self).images()),
      ),
    );
  return examples(command, ["berth images ls -o wide"]);
}

function inspectCommand(io: CliIo): Command {
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

function tagCommand(io: CliIo): Command {
  const command = withNode(new Command("tag"))
    .description("Give an image another name.")
    .argument("<source>")
    .argument("<reference>")
    .action(
      action(
        io,
        async (source: string, reference: string, _options: object, self: Command) =>
          void (await connectNode(io, self).tag(source, reference)),
      ),
    );
  return examples(command, ["berth images tag trainer:v2 trainer:latest"]);
}

function removeCommand(io: CliIo): Command {
  const command = withNode(new Command("rm"))
    .description("Remove names of images; an image goes with its last name.")
    .argument("<image...>")
    .action(action(io, (images: string[], _options: object, self: Command) => removeImages(io, images, self)));
  return examples(command, ["berth images rm trainer:v1 trainer:v2"]);
}

async function removeImages(io: CliIo, images: readonly string[], self: Command): Promise<void> {
  const node = connectNode(io, self);
  for (const image of images) {
    const { untagged, deleted } = await node.remove(image);
    io.stdout.write([...untagged.map((name) => `untagged ${name}\n`), ...deleted.map((digest) => `deleted ${digest}\n`)].join(""));
  }
}

function pruneCommand(io: CliIo): Command {
  const command = withNode(new Command("prune"))
    .description("Free what no image and no container needs.")
    .action(
      action(
        io,
        async (_options: object, self: Command) =>
          void io.stdout.write(`freed ${formatBytes((await connectNode(io, self).prune()).freedBytes)}\n`),
      ),
    );
  return examples(command, ["berth images prune"]);
}
