import { Command, Option } from "commander";
import { BerthError, errorText } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { clientVersion } from "../client-version.ts";
import { EXIT } from "../exit-codes.ts";
import { printValue } from "../output/formats.ts";
import { action, examples } from "../verb.ts";

interface Options {
  client?: boolean;
  output: "text" | "json" | "yaml";
}

/** Exits with 1 when no server answers; the client's version is printed all the same. */
export function versionVerb(io: CliIo): Command {
  const command = withHost(new Command("version"))
    .description("Show the versions of client and server.")
    .option("--client", "only the client's: asks no server")
    .addOption(new Option("-o, --output <format>", "how to print").choices(["text", "json", "yaml"]).default("text"))
    .action(action(io, (options: Options, self: Command) => showVersions(io, options, self)));
  return examples(command, ["berth version", "berth version --client -o json"]);
}

async function showVersions(io: CliIo, options: Options, self: Command): Promise<number> {
  const client = { version: clientVersion(), node: process.version, platform: `${process.platform}/${process.arch}` };
  const server = options.client ? null : await askServer(io, self);
  const failed = server instanceof BerthError;
  if (options.output !== "text") {
    await printValue(io, options.output, { client, ...(server === null ? {} : { server: failed ? null : server }) });
  } else {
    io.stdout.write(`client: ${client.version} (node ${client.node}, ${client.platform})\n`);
    if (server !== null && !failed) io.stdout.write(`server: ${server.version}\n`);
  }
  if (!failed) return EXIT.ok;
  io.stderr.write(`server: ${errorText(server)}\nhint: ${server.hint}\n`);
  return EXIT.error;
}

async function askServer(io: CliIo, self: Command) {
  const api = await connectApi(io, self);
  return api.version().catch((error: unknown) => {
    if (error instanceof BerthError) return error;
    throw error;
  });
}
