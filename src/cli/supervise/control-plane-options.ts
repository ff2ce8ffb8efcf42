import { type Command, Option } from "commander";
import { positiveInteger } from "../submit/option-values.ts";

/** What an operator may say of the scheduling, to `berth up` and `berth control-plane` alike. */
export interface ControlPlaneOptions {
  queueing?: "fair" | "service";
  maxArrayTasks?: number;
}

export function withControlPlaneOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--queueing <policy>", "fair: shares of projects; service: what is likely to end soon goes first").choices([
        "fair",
        "service",
      ]),
    )
    .option("--max-array-tasks <n>", "most tasks that one array may have (default: 100000)", positiveInteger);
}

/** The options as `berth up` hands them to its control plane. */
export function controlPlaneArguments({ queueing, maxArrayTasks }: ControlPlaneOptions): string[] {
  const all: [string, string | number | undefined][] = [
    ["--queueing", queueing],
    ["--max-array-tasks", maxArrayTasks],
  ];
  return all.flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]));
}

/** The options as the control plane takes them. */
export function schedulingOptions({ queueing, maxArrayTasks }: ControlPlaneOptions) {
  return { ...(queueing === undefined ? {} : { queueing }), ...(maxArrayTasks === undefined ? {} : { maxArrayTasks }) };
}
