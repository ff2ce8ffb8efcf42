import { Command, Option } from "commander";
import { parseDurationSeconds } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { printValue } from "../output/formats.ts";
import { duration } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";

interface Options {
  kind: "join" | "api";
  ttl: string;
  output: "text" | "json" | "yaml";
}

/** The token alone on stdout, for $(...); until when it is valid on stderr. */
export function tokenVerb(io: CliIo): Command {
  const create = withHost(new Command("create"))
    .description("Make a token and print it once: it is stored nowhere in clear.")
    .addOption(
      new Option("--kind <kind>", "join: lets one agent join; api: lets a client use the API").choices(["join", "api"]).default("join"),
    )
    .option("--ttl <duration>", "how long it is valid", duration, "10m")
    .addOption(new Option("-o, --output <format>", "how to print").choices(["text", "json", "yaml"]).default("text"))
    .action(action(io, (options: Options, self: Command) => createToken(io, options, self)));
  examples(create, ["berth token create > join.token", "BERTH_TOKEN=$(berth token create --kind api --ttl 8h)"]);
  const token = new Command("token").description("Make tokens for agents and clients.").addCommand(create);
  return examples(token, ["berth token create --kind join --ttl 10m"]);
}

async function createToken(io: CliIo, options: Options, self: Command): Promise<void> {
  const api = await connectApi(io, self);
  const token = await api.createToken(options.kind, parseDurationSeconds(options.ttl));
  if (options.output !== "text") return printValue(io, options.output, token);
  io.stdout.write(`${token.token}\n`);
  io.stderr.write(`valid until ${new Date(token.expiresAt).toISOString()}\n`);
}
