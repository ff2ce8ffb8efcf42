import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectImages, withNode } from "../client/connect.ts";
import { printValue } from "../output/formats.ts";
import { familiarName } from "../output/image-listing.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { action, examples } from "../verb.ts";
import { nameOf } from "./images-transfer.ts";

interface RebaseOptions extends TextOptions {
  onto: string;
  oldBase?: string;
  tag?: string;
}

/** Prints the new image, and between which bases it moved; nothing is pulled for it. */
export function imagesRebaseCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("rebase")))
    .description("Swap the base under an image without building it again: the layers above the old base go onto the new one.")
    .argument("<image>")
    .requiredOption("--onto <image>", "the new base")
    .option("--old-base <image>", "the base it stands on now; found by its label or its layers when left out")
    .option("-t, --tag <reference>", "name of the result; without it, the image's own name moves to it")
    .action(action(io, (image: string, options: RebaseOptions, self: Command) => rebase(io, image, options, self)));
  return examples(command, [
    "berth image rebase trainer:v2 --onto cuda-runtime:bookworm",
    "berth image rebase trainer:v2 --onto debian:trixie --old-base debian:bookworm -t trainer:v3",
  ]);
}

async function rebase(io: CliIo, image: string, { onto, oldBase, tag, output }: RebaseOptions, self: Command): Promise<void> {
  const more = { ...(oldBase === undefined ? {} : { oldBase }), ...(tag === undefined ? {} : { reference: tag }) };
  const result = await connectImages(io, self).rebase({ image, onto, ...more });
  if (output === "json") return printValue(io, "json", result);
  const name = ({ digest, references }: { digest: string; references: string[] }) =>
    references[0] === undefined ? digest : familiarName(references[0]);
  io.stdout.write(`${nameOf(result.image)} ${result.image.digest}\nfrom ${name(result.oldBase)} onto ${name(result.newBase)}\n`);
}
