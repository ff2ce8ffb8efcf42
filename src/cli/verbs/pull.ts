import { Command, Option } from "commander";
import { familiarReference, parseReference } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import type { ProgressLine } from "../client/node-client.ts";
import { transferPrinter } from "../output/transfer-progress.ts";
import { action, examples } from "../verb.ts";
import { interruptibly } from "./images-transfer.ts";
import { credentialOf } from "./login.ts";

export interface TransferOptions {
  output?: "json";
  quiet?: true;
  platform?: string;
}

/** Prints "NAME DIGEST" an image. Stops at the first that fails: what came before is kept. */
export function pullVerb(io: CliIo): Command {
  const command = withTransfer(withNode(new Command("pull")))
    .description("Pull images from their registries.")
    .argument("<image...>", "NAME[:TAG] or NAME@DIGEST; without a registry it is Docker Hub's")
    .option("--platform <os/architecture>", "as linux/arm64; default: this machine's")
    .action(action(io, (images: string[], options: TransferOptions, self: Command) => pullAll(io, images, options, self)));
  return examples(command, ["berth pull debian:bookworm", "berth pull registry.example:5000/team/trainer:v2 -o json"]);
}

/** Adds -o json and -q. */
export function withTransfer(command: Command): Command {
  return command
    .addOption(new Option("-o, --output <format>", "progress and result as JSON lines on stdout").choices(["json"]))
    .option("-q, --quiet", "only the result");
}

async function pullAll(io: CliIo, images: readonly string[], options: TransferOptions, self: Command): Promise<void> {
  for (const reference of images) {
    await transfer(io, options, async (onProgress, signal) => {
      const query = { reference, ...(await credentialOf(io, reference)), ...(options.platform && { platform: options.platform }) };
      const image = await connectNode(io, self).pull(query, onProgress, signal);
      return { text: `${familiarReference(parseReference(reference))} ${image.digest}`, result: image };
    });
  }
}

/** Runs a pull or push and shows how it goes: on stderr for people, as JSON lines on stdout for programs. */
export async function transfer(
  io: CliIo,
  options: TransferOptions,
  work: (onProgress: (line: ProgressLine) => void, signal: AbortSignal) => Promise<{ text: string; result: unknown }>,
): Promise<void> {
  const json = options.output === "json";
  const printer = transferPrinter(io);
  const silent = options.quiet === true;
  const show = json ? (line: ProgressLine) => void io.stdout.write(`${JSON.stringify(line)}\n`) : silent ? () => undefined : printer.show;
  const { text, result } = await interruptibly(io, (signal) => work(show, signal)).finally(printer.close);
  io.stdout.write(json ? `${JSON.stringify({ result })}\n` : `${text}\n`);
}
