import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { HOOK } from "./builds.ts";
import { type BundleOptions, type Runtime, runContainer, writeBundle } from "./container.ts";
import type { Finished } from "./exec.ts";
import type { GpuMachine } from "./gpu-machine.ts";
import { mountOverlay } from "./rootfs.ts";

let counter = 0;

export interface GpuContainer {
  machine: GpuMachine;
  image: string;
  /** With the image's driver layer, as the agent does it; without, the hook makes its mount point. */
  withLayer: boolean;
  gpus: number[];
  script: string;
  runtime?: Runtime;
  times?: number;
  options?: Partial<BundleOptions>;
}

/** Runs the same container `times` times on one writable layer; the last end, and what is in that layer. */
export async function runGpuContainer(container: GpuContainer): Promise<Finished & { written: string[] }> {
  const { machine, image, gpus, withLayer, ...rest } = container;
  const { plan, rules } = await machine.planFor(gpus.map((gpu) => machine.uuids[gpu] ?? ""));
  const layers = [...(withLayer ? [await machine.layerFor([image])] : []), image];
  return runPlanned({ folder: machine.folder, layers, plan, deviceRules: rules, ...rest });
}

export interface PlannedContainer extends Pick<BundleOptions, "plan" | "deviceRules" | "script"> {
  /** Where its bundle and the runtime's state go. */
  folder: string;
  /** Uppermost first. */
  layers: string[];
  runtime?: Runtime;
  times?: number;
  options?: Partial<BundleOptions>;
}

/** The same for a plan that is there already. */
export async function runPlanned(container: PlannedContainer): Promise<Finished & { written: string[] }> {
  const { folder, layers, plan, deviceRules, script, runtime = "runc", times = 1 } = container;
  const id = `gpu-${process.pid}-${counter++}`;
  const bundle = join(folder, id);
  await mkdir(bundle);
  const overlay = await mountOverlay(layers, bundle);
  try {
    const base = { bundle, rootfs: overlay.merged, id, hook: HOOK, hookKind: "prestart", plan, deviceRules, script } as const;
    await writeBundle({ ...base, userNamespace: false, ...container.options });
    let finished: Finished = { code: -1, stdout: "", stderr: "" };
    for (let time = 0; time < times; time += 1) finished = await runContainer(runtime, { bundle, id }, join(folder, `state-${runtime}`));
    return { ...finished, written: await overlay.written() };
  } finally {
    await overlay.unmount();
  }
}
