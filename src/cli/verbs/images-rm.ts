import { Command } from "commander";
import { formatBytes } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { printValue } from "../output/formats.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { action, examples } from "../verb.ts";

/** Exits with 1 when an image could not be removed, after the others were. */
export function imagesRmCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("rm")))
    .description("Remove names of images; an image goes with its last name, and its disk space with it.")
    .argument("<image...>")
    .action(action(io, (images: string[], options: TextOptions, self: Command) => removeImages(io, images, options, self)));
  return examples(command, ["berth images rm trainer:v1 trainer:v2"]);
}

async function removeImages(io: CliIo, images: readonly string[], options: TextOptions, self: Command): Promise<void> {
  const node = connectNode(io, self);
  const removed = [];
  for (const image of images) {
    const one = await node.remove(image);
    removed.push(one);
    if (options.output === "json") continue;
    const { untagged, deleted, freedBytes } = one;
    const freed = freedBytes > 0 ? [`freed ${formatBytes(freedBytes)}\n`] : [];
    io.stdout.write(
      [...untagged.map((name) => `untagged ${name}\n`), ...deleted.map((digest) => `deleted ${digest}\n`), ...freed].join(""),
    );
  }
  if (options.output === "json") await printValue(io, "json", removed);
}
