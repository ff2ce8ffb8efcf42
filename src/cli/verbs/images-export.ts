import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectImages, withNode } from "../client/connect.ts";
import { refuseTerminal, writeOutput } from "../files/write-output.ts";
import { action, examples } from "../verb.ts";
import { CONTAINER_ARGUMENT, type RankOptions, withRank } from "./images-container.ts";
import { interruptibly } from "./images-transfer.ts";

interface ExportOptions extends RankOptions {
  output?: string;
}

/** As `docker export`: a tar on stdout, never to a terminal, or a file that appears only when it is whole. */
export function exportVerb(io: CliIo): Command {
  const command = withRank(withNode(new Command("export")))
    .description("Write all files of a running replica as a tar, without the GPU driver's.")
    .argument("<job>", CONTAINER_ARGUMENT)
    .option("-o, --output <file>", "into a file instead of stdout")
    .action(action(io, (container: string, options: ExportOptions, self: Command) => write(io, container, options, self)));
  return examples(command, ["berth export 7 -o files.tar", "berth export 7 | berth import - trainer:as-it-was"]);
}

async function write(io: CliIo, container: string, { output, rank }: ExportOptions, self: Command): Promise<void> {
  refuseTerminal(io, output);
  await interruptibly(io, async (signal) => {
    const tar = await connectImages(io, self).exportContainer({ container, rank }, signal);
    await writeOutput(io, output, tar);
  });
}
