import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectImages, withNode } from "../client/connect.ts";
import { printValue } from "../output/formats.ts";
import { printable } from "../output/style.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { action, examples } from "../verb.ts";
import { CONTAINER_ARGUMENT, type RankOptions, withRank } from "./images-container.ts";

/** As `docker diff`; a path is shown without control characters, -o json gives it as it is. */
export function diffVerb(io: CliIo): Command {
  const command = withRank(withTextOrJson(withNode(new Command("diff"))))
    .description("List the files that a running replica added (A), changed (C) or deleted (D).")
    .argument("<job>", CONTAINER_ARGUMENT)
    .action(
      action(io, async (container: string, options: TextOptions & RankOptions, self: Command) => {
        const changes = await connectImages(io, self).diff({ container, rank: options.rank });
        if (options.output === "json") return printValue(io, "json", changes);
        io.stdout.write(changes.map(({ kind, path }) => `${kind} ${printable(path)}\n`).join(""));
      }),
    );
  return examples(command, ["berth diff 7", "berth diff 7 --rank 3"]);
}
