import { type Command, Option } from "commander";
import { parseDurationSeconds } from "../../shared/domain/index.ts";
import { collect, duration, positiveInteger } from "../submit/option-values.ts";
import { placementKinds } from "./placement-option.ts";

/** What an operator may say of the scheduling, to `berth up` and `berth control-plane` alike. */
export interface ControlPlaneOptions {
  queueing?: "fair" | "service";
  maxArrayTasks?: number;
  neverFits?: "refuse" | "pend";
  diagnoseAfter?: string;
  defragment?: number;
  placement?: string[];
  imageLookup?: "on" | "listed" | "off";
  imageLookupRegistry?: string[];
}

/** Adds the scheduling options. None has a default here: what is left out stays the control plane's to decide. */
export function withControlPlaneOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--queueing <policy>", "fair: shares of projects; service: what is likely to end soon goes first").choices([
        "fair",
        "service",
      ]),
    )
    .option("--max-array-tasks <n>", "most tasks that one array may have (default: 100000)", positiveInteger)
    .option(
      "--defragment <moves>",
      "running jobs that write checkpoints may be moved, so many an hour, to let larger ones start",
      positiveInteger,
    )
    .addOption(
      new Option(
        "--never-fits <what>",
        "a job larger than any node could run: refuse it, or let it wait with the reason (default: pend)",
      ).choices(["refuse", "pend"]),
    )
    .option(
      "--placement <[pool=]pack|spread>",
      "pack keeps nodes free, spread takes the emptiest; for all nodes or those labelled berth.pool=POOL; repeatable (default: pack)",
      (text: string, before: string[] = []) => {
        placementKinds([...before, text]);
        return [...before, text];
      },
    )
    .addOption(
      new Option(
        "--image-lookup <which>",
        "ask registries at submit what images require: all public ones, the listed, or none (default: on)",
      ).choices(["on", "listed", "off"]),
    )
    .option(
      "--image-lookup-registry <host>",
      "a registry to ask, at a private address too: host[:port], .suffix or CIDR; repeatable",
      collect,
    )
    .option("--diagnose-after <duration>", "look at a quarantined GPU after this long (default: 10m); 0 never", duration);
}

/** The options as `berth up` hands them to its control plane. */
export function controlPlaneArguments(options: ControlPlaneOptions): string[] {
  const { queueing, maxArrayTasks, neverFits, diagnoseAfter, defragment, placement = [], imageLookup, imageLookupRegistry = [] } = options;
  const all: [string, string | number | undefined][] = [
    ["--queueing", queueing],
    ["--max-array-tasks", maxArrayTasks],
    ["--never-fits", neverFits],
    ["--diagnose-after", diagnoseAfter],
    ["--defragment", defragment],
    ["--image-lookup", imageLookup],
    ...imageLookupRegistry.map((host): [string, string] => ["--image-lookup-registry", host]),
    ...placement.map((text): [string, string] => ["--placement", text]),
  ];
  return all.flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]));
}

/** The options as the control plane takes them. */
export function schedulingOptions(options: ControlPlaneOptions) {
  const { queueing, maxArrayTasks, neverFits, diagnoseAfter, defragment, placement, imageLookup, imageLookupRegistry } = options;
  return {
    ...(queueing === undefined ? {} : { queueing }),
    ...(maxArrayTasks === undefined ? {} : { maxArrayTasks }),
    ...(neverFits === undefined ? {} : { neverFits }),
    ...(defragment === undefined ? {} : { movesPerHour: defragment }),
    ...(imageLookup === undefined && imageLookupRegistry === undefined
      ? {}
      : { imageLookup: { mode: imageLookup ?? "on", registries: imageLookupRegistry ?? [] } }),
    ...(placement === undefined ? {} : { placement: placementKinds(placement) }),
    ...(diagnoseAfter === undefined ? {} : { diagnoseAfterSeconds: parseDurationSeconds(diagnoseAfter) }),
  };
}
