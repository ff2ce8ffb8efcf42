import { Command } from "commander";
import { formatBytes } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectImages, withNode } from "../client/connect.ts";
import type { ImageUsageView, StoreUsageView } from "../client/image-client.ts";
import { type FormatOptions, type Listing, printListing, printValue, withFormats } from "../output/formats.ts";
import { familiarName } from "../output/image-listing.ts";
import { action, examples } from "../verb.ts";

/**
 * Per image: what it takes, what it shares with others and what would be freed with it; then what the store takes as a
 * whole.
 */
export function imagesDuCommand(io: CliIo): Command {
  const command = withFormats(withNode(new Command("du")))
    .description("Show what images take on disk, compressed and unpacked, and what sharing layers saves.")
    .action(action(io, (options: FormatOptions, self: Command) => showUsage(io, options, self)));
  return examples(command, ["berth images du", "berth images du -o json | jq .savedBytes"]);
}

async function showUsage(io: CliIo, options: FormatOptions, self: Command): Promise<void> {
  const usage = await connectImages(io, self).usage();
  if (options.output === "json" || options.output === "yaml") return printValue(io, options.output, usage);
  await printListing(io, options, LISTING, usage.images);
  if (options.output !== "name") io.stdout.write(summaryOf(usage));
}

/** A line for each image, since names share all its bytes. */
function namesOf({ digest, references }: ImageUsageView): string {
  const [first, ...others] = references.map(familiarName);
  if (first === undefined) return digest.slice(7, 19);
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}

const LISTING: Listing<ImageUsageView> = {
  columns: [
    { title: "IMAGE", value: namesOf },
    { title: "TOTAL", value: (image) => formatBytes(image.totalBytes), align: "right" },
    { title: "SHARED", value: (image) => formatBytes(image.sharedBytes), align: "right" },
    { title: "UNIQUE", value: (image) => formatBytes(image.uniqueBytes), align: "right" },
    { title: "LAYERS", value: (image) => image.layers.length, align: "right" },
  ],
  wide: [
    {
      title: "UNPACKED",
      value: (image) => formatBytes(image.layers.reduce((sum, layer) => sum + (layer.unpackedBytes ?? 0), 0)),
      align: "right",
    },
    { title: "DIGEST", value: (image) => image.digest },
  ],
  name: (image) => (image.references[0] === undefined ? image.digest : familiarName(image.references[0])),
  empty: "no images (`berth image bootstrap debian:bookworm` makes one)",
};

/** The lines under the table: the store as a whole, with what belongs to no image and which images are damaged. */
export function summaryOf({
  blobs,
  layers,
  chownedLayers: copies,
  registryBytes = 0,
  savedBytes,
  quarantineBytes,
  partialBytes,
  unreadable,
}: StoreUsageView): string {
  const unreached = blobs.unreachedBytes + layers.unreachedBytes + copies.unreachedBytes;
  return [
    `\non disk: ${formatBytes(blobs.bytes + layers.bytes + copies.bytes)} (${blobs.count} blobs ${formatBytes(blobs.bytes)}, ${layers.count} unpacked layers ${formatBytes(layers.bytes)}${copiesOf(copies)})\n`,
    `sharing saves ${formatBytes(savedBytes)}\n`,
    unreached > 0 ? `no image needs ${formatBytes(unreached)} of it: \`berth images prune\` frees that\n` : "",
    registryBytes > 0 ? `only this node's registry needs ${formatBytes(registryBytes)} of it: kept until it is deleted there\n` : "",
    partialBytes > 0 ? `broken-off downloads: ${formatBytes(partialBytes)}\n` : "",
    quarantineBytes > 0 ? `quarantine: ${formatBytes(quarantineBytes)}\n` : "",
    ...unreadable.map(({ digest, references }) => `damaged: ${references.map(familiarName).join(", ") || digest}\n`),
  ].join("");
}

function copiesOf({ count, bytes }: StoreUsageView["chownedLayers"]): string {
  return count === 0 ? "" : `, ${count} copies for user namespaces ${formatBytes(bytes)}`;
}
