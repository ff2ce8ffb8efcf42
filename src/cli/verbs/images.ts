import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { examples } from "../verb.ts";
import { imagesCopyCommand } from "./images-copy.ts";
import { imagesDuCommand } from "./images-du.ts";
import { imagesHistoryCommand } from "./images-history.ts";
import { imagesImportCommand } from "./images-import.ts";
import { imagesInspectCommand } from "./images-inspect.ts";
import { imagesLsCommand } from "./images-ls.ts";
import { imagesPruneCommand } from "./images-prune.ts";
import { imagesRebaseCommand } from "./images-rebase.ts";
import { imagesRmCommand } from "./images-rm.ts";
import { imagesScrubCommand } from "./images-scrub.ts";
import { imagesSignCommand } from "./images-sign.ts";
import { imagesTagCommand } from "./images-tag.ts";
import { bootstrapCommand, loadCommand, saveCommand } from "./images-transfer.ts";
import { imagesTreeCommand } from "./images-tree.ts";
import { imagesTrustCommand } from "./images-trust.ts";
import { imagesVerifyCommand } from "./images-verify.ts";

const PARTS = [
  imagesLsCommand,
  imagesInspectCommand,
  imagesHistoryCommand,
  imagesTagCommand,
  imagesRmCommand,
  imagesPruneCommand,
  imagesTreeCommand,
  imagesDuCommand,
  imagesVerifyCommand,
  imagesScrubCommand,
  imagesTrustCommand,
  imagesSignCommand,
  saveCommand,
  loadCommand,
  imagesImportCommand,
  imagesCopyCommand,
  imagesRebaseCommand,
  bootstrapCommand,
];

/** One file a subcommand: images-ls.ts, images-rm.ts, ...; without one it lists. */
export function imagesVerb(io: CliIo): Command {
  return imageCommands(io, "images");
}

/** The singular, for `berth image bootstrap` and for fingers used to Docker. */
export function imageVerb(io: CliIo): Command {
  return imageCommands(io, "image");
}

function imageCommands(io: CliIo, name: string): Command {
  const images = new Command(name).description("List and manage the images of this machine.").enablePositionalOptions();
  for (const part of PARTS) {
    const command = part(io);
    images.addCommand(command, { isDefault: command.name() === "ls" });
  }
  return examples(images, ["berth images", "berth image bootstrap debian:bookworm", "berth images rm trainer:v1"]);
}
