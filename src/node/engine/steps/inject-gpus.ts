import { writeFile } from "node:fs/promises";
import { BerthError } from "../../../shared/domain/index.ts";
import type { GpuHost } from "../../gpu/index.ts";
import { environmentOf, type OciDeviceRule, type OciHook, type ProcessInput } from "../../runtime/index.ts";

const HOOK_TIMEOUT_SECONDS = 30;

export interface GpuInjection {
  hooks: OciHook[];
  deviceRules: OciDeviceRule[];
  env: Record<string, string>;
  /** Read-only folders that go on top of the image's layers: the driver's mount point and library cache. */
  topLayers: string[];
}

/**
 * Only what the scheduler assigned: neither the image's environment nor its labels are asked.
 * @throws BerthError gpu_unavailable
 */
export async function injectGpus(work: {
  gpuHost: GpuHost | null;
  uuids: readonly string[];
  /** Pipes of the MPS daemon that the container is a client of. */
  mpsFolder: string | null;
  process: ProcessInput;
  /** The image's layers on disk, top first. */
  lowerDirs: () => Promise<string[]>;
  planFile: string;
  hook: string;
}): Promise<GpuInjection> {
  if (work.uuids.length === 0) return { hooks: [], deviceRules: [], env: { NVIDIA_VISIBLE_DEVICES: "void" }, topLayers: [] };
  if (work.gpuHost === null) throw new BerthError("gpu_unavailable", `no GPU on this node, asked for ${work.uuids.join(", ")}`);
  const { plan, deviceRules, layer } = await work.gpuHost.planFor(
    work.uuids,
    { env: environmentOf(work.process), lowerDirs: await work.lowerDirs() },
    work.mpsFolder,
  );
  await writeFile(work.planFile, JSON.stringify(plan), { mode: 0o600 });
  return { hooks: [prestart(work.hook, work.planFile)], deviceRules, env: plan.env, topLayers: layer === null ? [] : [layer] };
}

/** A fixed command line and an empty environment: nothing of an image reaches a hook (CVE-2025-23266). */
function prestart(hook: string, planFile: string): OciHook {
  return { path: hook, args: ["gpu-prestart", "--plan", planFile], env: [], timeout: HOOK_TIMEOUT_SECONDS };
}
