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
  const { machine, image, gpus, script, runtime = "runc", times = 1 } = container;
  const id = `gpu-attack-${process.pid}-${counter++}`;
  const bundle = join(machine.folder, id);
  await mkdir(bundle);
  const layers = container.withLayer ? [await machine.layerFor([image])] : [];
  const overlay = await mountOverlay([...layers, image], bundle);
  try {
    const { plan, rules } = await machine.planFor(gpus.map((gpu) => machine.uuids[gpu] ?? ""));
    const base = {
      bundle,
      rootfs: overlay.merged,
      id,
      hook: HOOK,
      hookKind: "prestart",
      plan,
      deviceRules: rules,
      script,
      userNamespace: false,
    } as const;
    await writeBundle({ ...base, ...container.options });
    let finished: Finished = { code: -1, stdout: "", stderr: "" };
    for (let time = 0; time < times; time += 1)
      finished = await runContainer(runtime, { bundle, id }, join(machine.folder, `state-${runtime}`));
    return { ...finished, written: await overlay.written() };
  } finally {
    await overlay.unmount();
  }
}
