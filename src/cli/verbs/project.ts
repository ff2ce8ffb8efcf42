import { Command, InvalidArgumentError, Option } from "commander";
import type { ProjectInput } from "../../shared/wire/index.ts";
import type { CliIo } from "../cli-io.ts";
import { connectApi, withHost } from "../client/connect.ts";
import { type FormatOptions, printListing, printValue, withFormats } from "../output/formats.ts";
import { projectListing } from "../output/project-listing.ts";
import { naturalNumber } from "../submit/option-values.ts";
import { action, examples } from "../verb.ts";

interface SetOptions {
  weight?: number;
  parent?: string;
  quotaGpus?: number;
  maxGpus?: number;
  maxJobs?: number;
  maxGpusPerUser?: number;
  maxJobsPerUser?: number;
}

/** `berth project set|ls|get|rm`: who shares the cluster with whom. */
export function projectVerb(io: CliIo): Command {
  const command = new Command("project").description("Set the shares, quotas and limits of projects.");
  const set = withHost(command.command("set"))
    .description("Make a project or replace its settings; what is left out goes back to its default.")
    .argument("<name>")
    .option("--weight <number>", "its part among its siblings (default 1)", weight)
    .option("--parent <project>", "the project that it is part of")
    .option("--quota-gpus <n>", "GPUs that are its own whenever it asks; more is borrowed", naturalNumber)
    .option("--max-gpus <n>", "GPUs it may hold at a time", naturalNumber)
    .option("--max-jobs <n>", "jobs it may run at a time", naturalNumber)
    .option("--max-gpus-per-user <n>", "GPUs each of its users may hold", naturalNumber)
    .option("--max-jobs-per-user <n>", "jobs each of its users may run", naturalNumber)
    .action(
      action(io, async (name: string, options: SetOptions, self: Command) => {
        const project = await (await connectApi(io, self)).setProject(name, inputOf(options));
        io.stdout.write(`project/${project.name}\n`);
      }),
    );
  const ls = withFormats(withHost(command.command("ls").alias("list")))
    .description("List the projects.")
    .action(
      action(io, async (options: FormatOptions, self: Command) =>
        printListing(io, options, projectListing(), await (await connectApi(io, self)).projects()),
      ),
    );
  const get = withHost(command.command("get").alias("describe"))
    .description("Describe a project.")
    .argument("<name>")
    .addOption(new Option("-o, --output <format>", "how to print").choices(["yaml", "json"]).default("yaml"))
    .action(
      action(io, async (name: string, { output }: { output: "yaml" | "json" }, self: Command) =>
        printValue(io, output, await (await connectApi(io, self)).project(name)),
      ),
    );
  const rm = withHost(command.command("rm").alias("delete"))
    .description("Forget projects' settings; refused while one has jobs that have not ended, or projects below it.")
    .argument("<names...>")
    .action(
      action(io, async (names: string[], _options: object, self: Command) => {
        const api = await connectApi(io, self);
        for (const name of names) {
          await api.removeProject(name);
          io.stdout.write(`project/${name} removed\n`);
        }
      }),
    );
  examples(set, ["berth project set vision --weight 2 --quota-gpus 16 --max-gpus 32"]);
  examples(ls, ["berth project ls -o json"]);
  examples(get, ["berth project get vision", "berth project get vision -o json"]);
  examples(rm, ["berth project rm vision-eval vision"]);
  return examples(command, [
    "berth project set vision --weight 2 --quota-gpus 16",
    "berth project set vision-eval --parent vision",
    "berth project ls",
    "berth project rm vision-eval",
  ]);
}

function inputOf(options: SetOptions): ProjectInput {
  const { weight: share, parent, quotaGpus, maxGpus, maxJobs, maxGpusPerUser, maxJobsPerUser } = options;
  const limits = {
    ...(maxGpus === undefined ? {} : { gpus: maxGpus }),
    ...(maxJobs === undefined ? {} : { jobs: maxJobs }),
    ...(maxGpusPerUser === undefined ? {} : { gpusPerUser: maxGpusPerUser }),
    ...(maxJobsPerUser === undefined ? {} : { jobsPerUser: maxJobsPerUser }),
  };
  return {
    ...(share === undefined ? {} : { weight: share }),
    ...(parent === undefined ? {} : { parent }),
    ...(quotaGpus === undefined ? {} : { quota: { gpus: quotaGpus } }),
    limits,
  };
}

function weight(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) throw new InvalidArgumentError("it must be a number above 0.");
  return value;
}
