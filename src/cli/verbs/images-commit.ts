import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectImages, withNode } from "../client/connect.ts";
import { printValue } from "../output/formats.ts";
import { progressPrinter } from "../output/progress.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { collect } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";
import { CONTAINER_ARGUMENT, type RankOptions, withRank } from "./images-container.ts";
import { interruptibly, nameOf } from "./images-transfer.ts";

interface CommitOptions extends TextOptions, RankOptions {
  change?: string[];
  author?: string;
  message?: string;
}

/** Prints "NAME DIGEST". The replica is not paused; a file that changes its size while it is read fails the commit (conflict). */
export function commitVerb(io: CliIo): Command {
  const command = withRank(withTextOrJson(withNode(new Command("commit"))))
    .description("Make an image of a running replica: its image, and one layer with what it changed; never the GPU driver.")
    .argument("<job>", `${CONTAINER_ARGUMENT}; a replica that ended is removed within seconds, so commit it while it runs`)
    .argument("<reference>", "name of the image")
    .option("-c, --change <instruction>", "a Dockerfile instruction for its config, as 'CMD [\"sh\"]' or 'ENV A=b' (repeatable)", collect)
    .option("-a, --author <name>", "said in the history")
    .option("-m, --message <text>", "said in the history")
    .action(
      action(io, (container: string, reference: string, options: CommitOptions, self: Command) =>
        commit(io, container, reference, options, self),
      ),
    );
  return examples(command, ["berth commit 7 trainer:tuned", "berth commit 7 trainer:tuned --rank 1 -c 'ENV TUNED=1' -m 'after the sweep'"]);
}

async function commit(io: CliIo, container: string, reference: string, options: CommitOptions, self: Command): Promise<void> {
  const { rank, change = [], author, message, output } = options;
  const query = {
    container,
    rank,
    reference,
    changes: change,
    ...(author === undefined ? {} : { author }),
    ...(message === undefined ? {} : { message }),
  };
  const progress = progressPrinter(io);
  const image = await interruptibly(io, (signal) => connectImages(io, self).commit(query, progress.show, signal)).finally(progress.close);
  if (output === "json") return printValue(io, "json", image);
  io.stdout.write(`${nameOf(image)} ${image.digest}\n`);
}
