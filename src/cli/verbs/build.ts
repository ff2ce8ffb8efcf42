import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { progressPrinter } from "../output/progress.ts";
import { collect } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";
import { interruptibly, nameOf } from "./images-transfer.ts";

interface Options {
  tag?: string[];
  file?: string;
  target?: string;
  buildArg?: string[];
  cache: boolean;
}

/** Prints "NAME DIGEST". The context is packed here and sent to the node, which never reads this machine's folders. */
export function buildVerb(io: CliIo): Command {
  const command = withNode(new Command("build"))
    .description("Build an image from a Dockerfile; the folder is its context, less what .dockerignore names.")
    .argument("<folder>", "the context; - reads a tar from stdin")
    .option("-t, --tag <reference>", "name of the image (repeatable)", collect)
    .option("-f, --file <path>", "the Dockerfile, inside the context (default: Dockerfile)")
    .option("--target <stage>", "stop at this stage")
    .option("--build-arg <name=value>", "value of an ARG; without a value, your own environment's (repeatable)", collect)
    .option("--no-cache", "do every step again")
    .action(action(io, (folder: string, options: Options, self: Command) => build(io, folder, options, self)));
  return examples(command, ["berth build -t trainer:v2 .", "berth build -t trainer:v2 -f docker/Dockerfile --build-arg CUDA=12.4 ."]);
}

async function build(io: CliIo, folder: string, options: Options, self: Command): Promise<void> {
  const { readContext } = await import("../build-context/read-context.ts");
  const context = folder === "-" ? { tar: io.stdin, dockerfile: options.file ?? "Dockerfile" } : await readContext(folder, options.file);
  const progress = progressPrinter(io);
  const query = {
    tag: options.tag ?? [],
    dockerfile: context.dockerfile,
    target: options.target,
    buildArg: (options.buildArg ?? []).flatMap((text) => withOwnValue(text, io.env)),
    noCache: !options.cache,
  };
  const image = await interruptibly(io, (signal) => connectNode(io, self).build(context.tar, query, progress.show, signal)).finally(
    progress.close,
  );
  io.stdout.write(`${nameOf(image)} ${image.digest}\n`);
}

function withOwnValue(text: string, env: CliIo["env"]): string[] {
  if (text.includes("=")) return [text];
  const value = env[text];
  return value === undefined ? [] : [`${text}=${value}`];
}
