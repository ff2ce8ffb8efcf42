import { Command } from "commander";
import { formatBytes, parseBytes } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectImages, withNode } from "../client/connect.ts";
import type { ScrubView } from "../client/image-client.ts";
import { EXIT } from "../exit-codes.ts";
import { printValue } from "../output/formats.ts";
import { familiarName } from "../output/image-listing.ts";
import { progressPrinter } from "../output/progress.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { size } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";
import { interruptibly } from "./images-transfer.ts";

interface ScrubOptions extends TextOptions {
  rate?: string;
  unpacked?: boolean;
}

/** Exits with 1 when something was damaged, so that a timer's failure is seen; Ctrl-C ends it at the blob it is at. */
export function imagesScrubCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("scrub")))
    .description("Read the whole store and move what is damaged into quarantine; exits with 1 when there was something.")
    .option("--rate <bytes>", "read at most so much a second, as 50MiB", size)
    .option("--unpacked", "read the unpacked layers too; the first time only takes their seals")
    .action(action(io, (options: ScrubOptions, self: Command) => scrub(io, options, self)));
  return examples(command, ["berth images scrub", "berth images scrub --rate 50MiB --unpacked"]);
}

async function scrub(io: CliIo, options: ScrubOptions, self: Command): Promise<number> {
  const query = { bytesPerSecond: options.rate === undefined ? 0 : parseBytes(options.rate), unpacked: options.unpacked === true };
  const progress = progressPrinter(io);
  const report = await interruptibly(io, (signal) => connectImages(io, self).scrub(query, progress.show, signal)).finally(progress.close);
  if (options.output === "json") await printValue(io, "json", report);
  else io.stdout.write(textOf(report));
  const layers = [report.layers, report.chownedLayers].flatMap(({ quarantined, damagedInUse }) => [quarantined, damagedInUse]);
  const bad = [report.quarantinedBlobs, ...layers, report.damagedImages];
  return bad.every((list) => list.length === 0) ? EXIT.ok : EXIT.error;
}

/** What was read, then what is wrong with what to do about it; nothing wrong says nothing. */
export function textOf({ checkedBlobs, checkedBytes, quarantinedBlobs, layers, chownedLayers: copies, damagedImages }: ScrubView): string {
  return [
    `${checkedBlobs} blobs hashed, ${formatBytes(checkedBytes)}\n`,
    layers.checked > 0 ? `${layers.checked} unpacked layers read, ${layers.sealed} of them sealed for the first time\n` : "",
    copies.checked > 0 ? `${copies.checked} copies for user namespaces read, ${copies.sealed} of them sealed for the first time\n` : "",
    ...quarantinedBlobs.map((digest) => `quarantined ${digest}\n`),
    ...layers.quarantined.map((chainId) => `quarantined the unpacked layer ${chainId}: the next start unpacks it again\n`),
    ...layers.damagedInUse.map(
      (chainId) => `the unpacked layer ${chainId} is damaged, but a container stands on it: stop it and scrub again\n`,
    ),
    ...copies.quarantined.map((chainId) => `quarantined a copy of the layer ${chainId}: the next start copies it again\n`),
    ...copies.damagedInUse.map(
      (chainId) => `a copy of the layer ${chainId} is damaged, but a container stands on it: stop it and scrub again\n`,
    ),
    ...damagedImages.map(
      ({ digest, references }) => `${references.map(familiarName).join(", ") || digest} cannot be used: pull, load or build it again\n`,
    ),
  ].join("");
}
