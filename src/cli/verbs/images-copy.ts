import { Command } from "commander";
import { formatBytes, systemClock } from "../../shared/domain/index.ts";
import type { Copied } from "../../shared/oci/index.ts";
import type { CliIo } from "../cli-io.ts";
import { action, examples } from "../verb.ts";
import { credentialOf } from "./login.ts";
import { type TransferOptions, transfer, withTransfer } from "./pull.ts";

interface CopyOptions extends TransferOptions {
  referrers: boolean;
}

/** Works without an agent: this process talks to both registries, with the user's own credentials for each. */
export function imagesCopyCommand(io: CliIo): Command {
  const command = withTransfer(new Command("copy"))
    .description("Copy an image from registry to registry: all platforms, signatures and SBOMs, byte for byte; nothing is kept here.")
    .argument("<source>", "NAME[:TAG] or NAME@DIGEST, as in its registry")
    .argument("<destination>", "NAME[:TAG]")
    .option("--platform <os/architecture>", "only this one of an index, as linux/arm64")
    .option("--no-referrers", "leave signatures, SBOMs and other referrers behind")
    .action(action(io, (source: string, destination: string, options: CopyOptions) => copy(io, source, destination, options)));
  return examples(command, [
    "berth images copy docker.io/library/debian:12 registry.example:5000/base/debian:12",
    "berth images copy --platform linux/amd64 ghcr.io/team/app:v2 registry.example:5000/team/app:v2",
  ]);
}

async function copy(io: CliIo, source: string, destination: string, options: CopyOptions): Promise<void> {
  const { choosePlatform, copyImage, createRegistryAccess, parsePlatform, parseReference } = await import("../../shared/oci/index.ts");
  const [from, to] = [parseReference(source), parseReference(destination)];
  const access = createRegistryAccess({ env: io.env, clock: systemClock() });
  const side = async (text: string, repository: string) => {
    const { credential = null } = await credentialOf(io, text);
    return { client: await access.clientFor(text, credential), repository };
  };
  const platform = options.platform === undefined ? null : parsePlatform(options.platform);
  try {
    const request = {
      source: await side(source, from.repository),
      target: await side(destination, to.repository),
      from: from.digest ?? from.tag ?? "latest",
      to: to.tag,
      choose: platform === null ? null : (index: Parameters<typeof choosePlatform>[0]) => choosePlatform(index, platform),
      referrers: options.referrers,
    };
    await transfer(io, options, async (onProgress, signal) => {
      const copied = await copyImage(request, onProgress, signal);
      return { text: `${destination} ${copied.digest}\n${textOf(copied)}`, result: { reference: destination, ...copied } };
    });
  } finally {
    await access.close();
  }
}

function textOf({ manifests, referrers, blobs, bytes }: Copied): string {
  const about = referrers === 0 ? "" : ` (${referrers} about it)`;
  return `manifests: ${manifests}${about}; blobs: ${blobs.uploaded} sent (${formatBytes(bytes)}), ${blobs.mounted} mounted, ${blobs.exists} there already`;
}
