import { fileURLToPath } from "node:url";
import { must } from "./exec.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
export const FAKE_BUILD = `${ROOT}test/support/fake-nvidia/build`;
export const HOOK = `${ROOT}hooks/gpu-prestart/build/gpu-prestart`;
export const HOOK_ASAN = `${HOOK}-asan`;

/** make does nothing when they are up to date. */
export async function buildFakeAndHook(target: "all" | "asan"): Promise<void> {
  await must("make", ["-s", "-C", `${ROOT}test/support/fake-nvidia`]);
  await must("make", ["-s", "-j2", "-C", `${ROOT}hooks/gpu-prestart`, target]);
}
