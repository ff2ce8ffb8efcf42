import { Command, Option } from "commander";
import type { CliIo } from "../cli-io.ts";
import { EXIT } from "../exit-codes.ts";
import { checkListing, printMeanings } from "../output/check-listing.ts";
import { type Format, printListing } from "../output/formats.ts";
import { berthPaths, DEFAULT_DATA_DIR } from "../supervise/berth-paths.ts";
import { action, examples } from "../verb.ts";

interface Options {
  dataDir: string;
  redis?: string;
  output: Format;
  headers: boolean;
}

/** Exits with 1 when a check failed; warnings alone give 0. */
export function doctorVerb(io: CliIo): Command {
  const command = new Command("doctor")
    .description("Check what Berth needs of this machine, and say how to put right what is missing. Changes nothing.")
    .option("--data-dir <folder>", "where Berth will keep its data (BERTH_DATA_DIR)", io.env["BERTH_DATA_DIR"] || DEFAULT_DATA_DIR)
    .option("--redis <url>", "check this Redis (BERTH_REDIS_URL; default: the one of a running `berth up`)")
    .addOption(new Option("-o, --output <format>", "how to print").choices(["table", "json", "yaml", "name"]).default("table"))
    .option("--no-headers", "leave out the line of column titles")
    .action(action(io, (options: Options) => examine(io, options)));
  return examples(command, ["berth doctor", "berth doctor -o json | jq '.[] | select(.level != \"ok\")'"]);
}

async function examine(io: CliIo, options: Options): Promise<number> {
  const [{ judgeMachine, readMachine }, { readRedis }] = await Promise.all([
    import("../../node/platform/index.ts"),
    import("../supervise/read-redis.ts"),
  ]);
  const paths = berthPaths(options.dataDir);
  const redis = await readRedis(options.redis ?? (io.env["BERTH_REDIS_URL"] || paths.redisSocket));
  const checks = judgeMachine(await readMachine(paths.dataDir, redis));
  await printListing(io, options, checkListing(), checks);
  if (options.output === "table") printMeanings(io, checks);
  return checks.some((check) => check.level === "fail") ? EXIT.error : EXIT.ok;
}
