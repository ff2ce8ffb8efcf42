import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import { action, examples } from "../verb.ts";
import { credentialOf } from "./login.ts";
import { type TransferOptions, transfer, withTransfer } from "./pull.ts";

/** Prints "NAME DIGEST" an image. Stops at the first that fails: those before it are pushed. */
export function pushVerb(io: CliIo): Command {
  const command = withTransfer(withNode(new Command("push")))
    .description("Push images to the registries of their names.")
    .argument("<image...>", "an image of this machine, named with its registry (`berth images tag` gives it one)")
    .action(action(io, (images: string[], options: TransferOptions, self: Command) => pushAll(io, images, options, self)));
  return examples(command, [
    "berth images tag trainer:v2 registry.example:5000/team/trainer:v2",
    "berth push registry.example:5000/team/trainer:v2",
  ]);
}

async function pushAll(io: CliIo, images: readonly string[], options: TransferOptions, self: Command): Promise<void> {
  for (const reference of images) {
    await transfer(io, options, async (onProgress, signal) => {
      const query = { reference, ...(await credentialOf(io, reference)) };
      const result = await connectNode(io, self).push(query, onProgress, signal);
      return { text: `${reference} ${result.digest}`, result };
    });
  }
}
