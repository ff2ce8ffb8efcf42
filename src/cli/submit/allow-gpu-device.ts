import { InvalidArgumentError, Option } from "commander";

const NAMES = ["gds", "mofed", "gdrcopy", "nvswitch", "imex"] as const;
export type GpuDeviceName = (typeof NAMES)[number];

/** --allow-gpu-device of `berth up` and `berth agent`. */
export function allowGpuDeviceOption(): Option {
  const text = `what jobs may ask for beside GPUs: ${NAMES.join(", ")} (repeatable)`;
  return new Option("--allow-gpu-device <name>", text).argParser(collectName);
}

function collectName(value: string, previous: GpuDeviceName[] | undefined): GpuDeviceName[] {
  const name = NAMES.find((known) => known === value);
  if (name === undefined) throw new InvalidArgumentError(`there are ${NAMES.join(", ")}.`);
  return [...(previous ?? []), name];
}
