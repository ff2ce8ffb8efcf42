import { fileURLToPath } from "node:url";
import { must } from "./exec.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
export const FAKE_BUILD = `${ROOT}test/support/fake-nvidia/build`;
export const HOOK = `${ROOT}hooks/gpu-prestart/build/gpu-prestart`;
export const HOOK_ASAN = `${HOOK}-asan`;
export const PLAN_FUZZ = `${ROOT}hooks/gpu-prestart/build/plan-fuzz`;
export const RUNTIME_WRAPPER = `${ROOT}hooks/berth-runtime/build/berth-runtime`;
export const RUNTIME_WRAPPER_ASAN = `${RUNTIME_WRAPPER}-asan`;

/** make does nothing when they are up to date; the lock is for test files that run at the same time. */
export async function buildFakeAndHook(target: "all" | "asan" | "fuzz"): Promise<void> {
  await make("test/support/fake-nvidia", "all");
  await make("hooks/gpu-prestart", target);
  if (target !== "fuzz") await make("hooks/berth-runtime", target);
}

async function make(folder: string, target: string): Promise<void> {
  await must("flock", [`${ROOT}${folder}/Makefile`, "make", "-s", "-j2", "-C", `${ROOT}${folder}`, target]);
}
