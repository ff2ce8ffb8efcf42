import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectImages, withNode } from "../client/connect.ts";
import { printValue } from "../output/formats.ts";
import { layerTree, renderTree } from "../output/layer-tree.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { action, examples } from "../verb.ts";

/** Layers are told apart by chain ID: the same diff upon another base is another layer on disk. */
export function imagesTreeCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("tree")))
    .description("Show which images stand on which layers.")
    .action(
      action(io, async (options: TextOptions, self: Command) => {
        const tree = layerTree((await connectImages(io, self).usage()).images);
        if (options.output === "json") return printValue(io, "json", tree);
        if (tree.length === 0) io.stderr.write("no images (`berth image bootstrap debian:bookworm` makes one)\n");
        io.stdout.write(renderTree(tree));
      }),
    );
  return examples(command, ["berth images tree"]);
}
