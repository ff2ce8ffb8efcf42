import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectImages, withNode } from "../client/connect.ts";
import type { VerifyView } from "../client/image-client.ts";
import { EXIT } from "../exit-codes.ts";
import { printValue } from "../output/formats.ts";
import { progressPrinter } from "../output/progress.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { action, examples } from "../verb.ts";
import { interruptibly } from "./images-transfer.ts";

/** Exits with 1 when an image is damaged, after all were read. It moves nothing away: that is `berth images scrub`. */
export function imagesVerifyCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("verify")))
    .description("Hash an image's manifest, config and layers again; exits with 1 when something is not what it was.")
    .argument("<image...>")
    .action(action(io, (images: string[], options: TextOptions, self: Command) => verifyImages(io, images, options, self)));
  return examples(command, ["berth images verify debian:bookworm", "berth images verify trainer:v2 -o json"]);
}

async function verifyImages(io: CliIo, images: readonly string[], options: TextOptions, self: Command): Promise<number> {
  const client = connectImages(io, self);
  const progress = progressPrinter(io);
  const reports: VerifyView[] = [];
  for (const image of images)
    reports.push(await interruptibly(io, (signal) => client.verify(image, progress.show, signal)).finally(progress.close));
  if (options.output === "json") await printValue(io, "json", reports);
  else io.stdout.write(reports.map((report, index) => textOf(images[index] as string, report)).join(""));
  return reports.every(({ whole }) => whole) ? EXIT.ok : EXIT.error;
}

function textOf(name: string, { whole, blobs }: VerifyView): string {
  if (whole) return `${name} is whole: ${blobs.length} blobs hashed\n`;
  const bad = blobs.filter(({ problem }) => problem !== null).map(({ kind, digest, problem }) => `  ${kind} ${digest} is ${problem}\n`);
  return `${name} is damaged:\n${bad.join("")}`;
}
