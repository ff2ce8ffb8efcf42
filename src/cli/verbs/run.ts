import { Command, Option } from "commander";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { EXIT } from "../exit-codes.ts";
import { followJob } from "../follow/follow-job.ts";
import { mergeEnvironment } from "../submit/environment.ts";
import {
  collect,
  cpus,
  duration,
  gpuNumber,
  integer,
  naturalNumber,
  positiveInteger,
  size,
  storageSize,
  taskIndexes,
  timeLimit,
} from "../submit/option-values.ts";
import { type RunOptions, specOfRun } from "../submit/spec-of-run.ts";
import { submitReliably } from "../submit/submit-reliably.ts";
import { action, examples } from "../verb.ts";

/**
 * Options end at the image (passThroughOptions), so `run IMAGE python -c ...` needs no dashes. Exits as the job did; 125
 * when Berth itself failed.
 */
export function runVerb(io: CliIo): Command {
  const command = withHost(new Command("run"))
    .description("Run one job and follow it: its output here, its exit code returned. Ctrl-C detaches, twice cancels.")
    .argument("<image>")
    .argument("[command...]", "replaces the image's CMD")
    .passThroughOptions()
    .option("-J, --name <name>", "name of the job (default: from the image)")
    .option("-G, --gpus <n>", "GPUs of each replica: 2, or 0.5 for a part of one", gpuNumber)
    .option("--gpu-model <text>", "part of the GPU's name, any case: h100")
    .option("--gpu-memory <size>", "least memory of each GPU, or what a part of one takes: 40Gi", size)
    .addOption(new Option("--gpu-sharing <way>", "how a part of a GPU is shared (default: time-slice)").choices(["time-slice", "mps"]))
    .option("--mig <profile>", "MIG devices in place of GPUs: 1g.10gb")
    .option("-c, --cpus <n>", "CPUs of each replica: 2, 0.5 or 500m", cpus)
    .option("-m, --memory <size>", "memory of each replica: 8Gi", size)
    .option("--shm-size <size>", "size of /dev/shm (default: the memory)", size)
    .option("--storage-opt <size=SIZE>", "most that each replica may write into its root: size=10G", storageSize)
    .option("-e, --env <name[=value]>", "environment; without a value, your own (repeatable)", collect)
    .option("--env-file <path>", "file of NAME=value lines (repeatable)", collect)
    .option("-v, --volume <source:target[:ro]>", "volume, or absolute host folder (repeatable)", collect)
    .option("-w, --workdir <path>", "working folder in the container")
    .option("--entrypoint <program>", "replaces the image's ENTRYPOINT")
    .addOption(
      new Option("--pull <when>", "ask the image's registry (default: always for its latest, else missing)").choices([
        "always",
        "missing",
        "never",
      ]),
    )
    .option("-n, --replicas <n>", "containers that start together or not at all", positiveInteger)
    .option("-a, --array <indexes>", "one task for each index: 0-99, 1,5,10-20, 0-99:2%10 (10 at a time)", taskIndexes)
    .option("-t, --time <duration>", "time limit: 90s, 2h30m, 1-12:00:00", timeLimit)
    .option("--priority <n>", "higher goes first; -1000..1000", integer)
    .option("--project <name>", "who pays")
    .option("--retries <n>", "tries after a failure", naturalNumber)
    .option("--checkpoint-grace <duration>", "it saves at SIGUSR1: time to do so before it must make room", duration)
    .option("--checkpoint-interval <duration>", "ask for a checkpoint this often", duration)
    .addOption(new Option("--network <mode>", "network of the container").choices(["bridge", "host", "none"]))
    .option("-p, --publish <[host:]port[/udp]>", "port of the container that its node answers on (repeatable)", collect)
    .addOption(
      new Option("--userns <mode>", "user namespace of its own or the node's (default: as the node is)").choices(["private", "host"]),
    )
    .option("-l, --label <name=value>", "label (repeatable)", collect)
    .option("-d, --detach", "only queue it and print its id")
    .addOption(new Option("--rm").hideHelp())
    .addOption(new Option("-i, --interactive").hideHelp())
    .action(
      action(io, (image: string, args: string[], options: RunOptions & { detach?: boolean }, self: Command) =>
        run(io, image, args, options, self),
      ),
    );
  // Docker's `-it`: -t is the time limit here, as in sbatch, and would take the image for its value.
  command.on("option:interactive", () => command.error("error: jobs run without a terminal or standard input: leave -i and -it out"));
  return examples(command, [
    "berth run --gpus 1 trainer:v2 python3 train.py --epochs 3",
    "berth run --gpus 0.5 --gpu-memory 10Gi --gpu-sharing mps trainer:v2 python3 tune.py",
    "berth run --mig 1g.10gb trainer:v2 python3 infer.py",
    "berth run -G 8 -n 2 -t 12:00:00 -v checkpoints:/checkpoints trainer:v2",
    "berth run --array 0-99%10 trainer:v2 sh -c 'train --seed $BERTH_ARRAY_TASK_ID'",
    "berth run -d -p 8888:8888 -G 1 notebook:v1",
    "id=$(berth run -d debian:bookworm sleep 60) && berth wait $id",
  ]);
}

async function run(
  io: CliIo,
  image: string,
  args: readonly string[],
  options: RunOptions & { detach?: boolean },
  self: Command,
): Promise<number> {
  const env = await mergeEnvironment(options.env ?? [], options.envFile ?? [], io.env);
  const spec = specOfRun(image, args, options, env);
  const api = await connectApi(io, self);
  const job = await submitReliably(api, spec, io.clock);
  if (options.detach) {
    io.stdout.write(`job/${job.id}\n`);
    return EXIT.ok;
  }
  io.stderr.write(`job ${job.id} (${job.spec.name}) submitted\n`);
  return followJob(io, api, job);
}
