import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectImages, withNode } from "../client/connect.ts";
import { openInput } from "../files/open-input.ts";
import { printValue } from "../output/formats.ts";
import { progressPrinter } from "../output/progress.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { collect } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";
import { interruptibly, nameOf } from "./images-transfer.ts";

interface ImportOptions extends TextOptions {
  change?: string[];
  message?: string;
}

/** The same command as `berth import`; only the examples in its help differ. */
export function imagesImportCommand(io: CliIo): Command {
  return define(io, "berth images import");
}

/** `berth import`, as docker has it. */
export function importVerb(io: CliIo): Command {
  return define(io, "berth import");
}

function define(io: CliIo, name: string): Command {
  const command = withTextOrJson(withNode(new Command("import")))
    .description("Make an image of one layer from a tar of files, compressed or not.")
    .argument("<file>", "the tar; - for stdin")
    .argument("[reference]", "name of the image")
    .option("-c, --change <instruction>", "a Dockerfile instruction for its config, as 'CMD [\"sh\"]' or 'ENV A=b' (repeatable)", collect)
    .option("-m, --message <text>", "said in the history")
    .action(
      action(io, (file: string, reference: string | undefined, options: ImportOptions, self: Command) =>
        run(io, file, reference, options, self),
      ),
    );
  return examples(command, [`${name} rootfs.tar.gz tools:1 --change 'CMD ["/bin/sh"]'`, `berth export 7 | ${name} - trainer:as-it-was`]);
}

async function run(io: CliIo, file: string, reference: string | undefined, options: ImportOptions, self: Command): Promise<void> {
  const { change = [], message, output } = options;
  const query = { change, ...(reference === undefined ? {} : { reference }), ...(message === undefined ? {} : { message }) };
  const progress = progressPrinter(io);
  const tar = await openInput(io, file);
  const image = await interruptibly(io, (signal) => connectImages(io, self).import(tar, query, progress.show, signal)).finally(
    progress.close,
  );
  if (output === "json") return printValue(io, "json", image);
  io.stdout.write(`${nameOf(image)} ${image.digest}\n`);
}
