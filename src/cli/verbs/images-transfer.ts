import { Command, Option } from "commander";
import { type CliIo, Interrupted, stopSignal } from "../cli-io.ts";
import { connectNode, withNode } from "../client/connect.ts";
import type { ImageView, LoadedImageView } from "../client/node-client.ts";
import { openInput } from "../files/open-input.ts";
import { refuseTerminal, writeOutput } from "../files/write-output.ts";
import { printValue } from "../output/formats.ts";
import { familiarName } from "../output/image-listing.ts";
import { progressPrinter } from "../output/progress.ts";
import { type TextOptions, withTextOrJson } from "../output/text-or-json.ts";
import { collect } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";

interface SaveOptions {
  output?: string;
  format: string;
}

/** A tar on stdout, never to a terminal, or a file that appears only when it is whole. */
export function saveCommand(io: CliIo): Command {
  const command = withNode(new Command("save"))
    .description(
      "Write images as one archive (tar) that `berth images load`, docker, podman and skopeo read; shared layers are in it once.",
    )
    .argument("<image...>")
    .option("-o, --output <file>", "into a file instead of stdout")
    .addOption(new Option("--format <format>", "kind of archive").choices(["oci-archive", "docker-archive"]).default("oci-archive"))
    .action(action(io, (images: string[], options: SaveOptions, self: Command) => saveImages(io, images, options, self)));
  return examples(command, [
    "berth images save -o trainer.tar trainer:v2",
    "berth images save trainer:v2 | ssh gpu-02 berth images load",
    "berth images save --format docker-archive trainer:v2 | docker load",
  ]);
}

async function saveImages(io: CliIo, images: readonly string[], options: SaveOptions, self: Command): Promise<void> {
  refuseTerminal(io, options.output);
  await interruptibly(io, async (signal) => {
    const archive = await connectNode(io, self).save(images, options.format, signal);
    await writeOutput(io, options.output, archive);
  });
}

/** Prints a line an image; the archive streams to the node, whatever its size. */
export function loadCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("load")))
    .description("Read images from an OCI or Docker archive (tar).")
    .option("-i, --input <file>", "from a file instead of stdin")
    .option("--unpack", "unpack the layers now, so that the first start need not, and refuse images that do not unpack")
    .action(action(io, (options: LoadOptions, self: Command) => loadImages(io, options, self)));
  return examples(command, [
    "berth images load -i trainer.tar",
    "berth images load --unpack -i trainer.tar",
    "docker save trainer:v2 | berth images load",
  ]);
}

interface LoadOptions extends TextOptions {
  input?: string;
  unpack?: boolean;
}

async function loadImages(io: CliIo, options: LoadOptions, self: Command): Promise<void> {
  const archive = await openInput(io, options.input);
  const progress = progressPrinter(io);
  const query = { unpack: options.unpack === true };
  const images = await interruptibly(io, (signal) => connectNode(io, self).load(archive, query, progress.show, signal)).finally(
    progress.close,
  );
  if (options.output === "json") return printValue(io, "json", images);
  io.stdout.write(
    images
      .flatMap(loadedNames)
      .map((name) => `loaded ${name}\n`)
      .join(""),
  );
}

/** What the archive calls it; it may have further names here, from before. */
function loadedNames(image: LoadedImageView): string[] {
  const { names = image.references } = image;
  return names.length === 0 ? [image.digest] : names.map(familiarName);
}

/** Prints "NAME DIGEST". The node needs mmdebstrap and a mirror it can reach, no registry. */
export function bootstrapCommand(io: CliIo): Command {
  const command = withTextOrJson(withNode(new Command("bootstrap")))
    .description(
      "Make a base image from the distribution's packages: debian and ubuntu reproducibly (mmdebstrap), python and cuda-runtime as a layer on them.",
    )
    .argument("<distribution:suite>", "as debian:bookworm")
    .option("--include <packages>", "further packages, separated by commas (repeatable)", collect)
    .action(action(io, (reference: string, options: BootstrapOptions, self: Command) => bootstrap(io, reference, options, self)));
  return examples(command, [
    "berth image bootstrap debian:bookworm",
    "berth image bootstrap debian:bookworm --include python3-numpy,python3-torch",
    "berth image bootstrap cuda-runtime:bookworm",
  ]);
}

interface BootstrapOptions extends TextOptions {
  include?: string[];
}

async function bootstrap(io: CliIo, reference: string, options: BootstrapOptions, self: Command): Promise<void> {
  const include = (options.include ?? [])
    .flatMap((names) => names.split(","))
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const progress = progressPrinter(io);
  const image = await interruptibly(io, (signal) => connectNode(io, self).bootstrap(reference, include, progress.show, signal)).finally(
    progress.close,
  );
  if (options.output === "json") return printValue(io, "json", image);
  io.stdout.write(`${nameOf(image)} ${image.digest}\n`);
}

/** The first name as people write it, "debian:bookworm"; the digest for an image without one. */
export function nameOf(image: ImageView): string {
  return image.references[0] === undefined ? image.digest : familiarName(image.references[0]);
}

/** Runs long work; Ctrl-C ends the request, and the node then gives the work up. @throws Interrupted */
export async function interruptibly<T>(io: CliIo, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = stopSignal(io);
  try {
    return await work(stop.signal);
  } catch (error) {
    throw stop.signal.aborted ? new Interrupted(error) : error;
  } finally {
    stop.close();
  }
}
