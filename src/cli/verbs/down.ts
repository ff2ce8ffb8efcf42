import { Command } from "commander";
import { BerthError, parseDurationSeconds } from "../../shared/domain/index.ts";
import type { CliIo } from "../cli-io.ts";
import { EXIT } from "../exit-codes.ts";
import { duration } from "../submit/option-values.ts";
import { berthPaths, DEFAULT_DATA_DIR } from "../supervise/berth-paths.ts";
import { isLocked, readLockHolder } from "../supervise/data-dir-lock.ts";
import { action, examples } from "../verb.ts";

const SIGTERM = 15;

interface Options {
  dataDir: string;
  timeout: string;
}

/**
 * Exits with 0 too when nothing runs there: what was asked for is so. The signal goes to pid and start time, never to a pid
 * that somebody else got since.
 */
export function downVerb(io: CliIo): Command {
  const command = new Command("down")
    .description(
      "Stop the `berth up` that holds a data dir, and wait until it has. Containers go on and are adopted by the next one, until their lease ends.",
    )
    .option("--data-dir <folder>", "the data dir (BERTH_DATA_DIR)", io.env["BERTH_DATA_DIR"] || DEFAULT_DATA_DIR)
    .option("--timeout <duration>", "how long to wait", duration, "2m")
    .action(action(io, (options: Options) => down(io, options)));
  return examples(command, ["berth down", "berth down --data-dir /tmp/try"]);
}

async function down(io: CliIo, options: Options): Promise<number> {
  const paths = berthPaths(options.dataDir);
  const { isProcessAlive, loadNative } = await import("../../node/platform/index.ts");
  const native = loadNative();
  if (!(await isLocked(native, paths.lockFile))) {
    io.stderr.write(`no Berth runs on ${paths.dataDir}\n`);
    return EXIT.ok;
  }
  const holder = await readLockHolder(paths.lockFile);
  if (holder === null) throw new BerthError("conflict", `${paths.lockFile} does not say who holds it; try again`);
  io.stderr.write(`stopping process ${holder.pid}, which holds ${paths.dataDir}\n`);
  native.signalProcess(holder.pid, holder.startTicks, SIGTERM);
  const deadline = io.clock.monotonic() + parseDurationSeconds(options.timeout) * 1000;
  const identity = { pid: holder.pid, startTimeTicks: holder.startTicks };
  // It gives the lock up before its last words; who waits for it may want to remove the folder or start anew.
  while ((await isLocked(native, paths.lockFile)) || (await isProcessAlive(identity))) {
    if (io.clock.monotonic() > deadline)
      throw new BerthError("conflict", `process ${holder.pid} is still stopping after ${options.timeout}`, {
        details: { hint: `its log is ${paths.logDir}/up.log` },
      });
    await io.clock.sleep(50);
  }
  io.stderr.write("stopped\n");
  return EXIT.ok;
}
