import { Command } from "commander";
import { formatBytes } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import type { NodeClient } from "../client/node-client.ts";
import { printValue } from "../output/formats.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { action, examples } from "../verb.ts";
import { eachOf } from "./each-of.ts";

type Removed = Awaited<ReturnType<NodeClient["remove"]>>;

interface RemoveOptions extends TextOptions {
  force?: true;
}

/** Exits with 1 when an image could not be removed, after the others were. */
export function imagesRmCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("rm")))
    .description("Remove names of images; an image goes with its last name, and its disk space with it.")
    .argument("<image...>", "names; or a digest or its start, for the image with its one name")
    .option("-f, --force", "by digest, although it has several names")
    .action(action(io, (images: string[], options: RemoveOptions, self: Command) => removeImages(io, images, options, self)));
  return examples(command, ["berth images rm trainer:v1 trainer:v2"]);
}

async function removeImages(io: CliIo, images: readonly string[], options: RemoveOptions, self: Command): Promise<number> {
  const node = connectNode(io, self);
  const removed: Removed[] = [];
  const exitCode = await eachOf(io, images, async (image) => {
    const one = await node.remove(image, options.force === true);
    removed.push(one);
    if (options.output === "text") io.stdout.write(textOf(one));
  });
  if (options.output === "json") await printValue(io, "json", removed);
  return exitCode;
}

function textOf({ untagged, deleted, freedBytes }: Removed): string {
  const freed = freedBytes > 0 ? [`freed ${formatBytes(freedBytes)}\n`] : [];
  return [...untagged.map((name) => `untagged ${name}\n`), ...deleted.map((digest) => `deleted ${digest}\n`), ...freed].join("");
}
