import type { DeviceRule, InjectionPlan } from "../types.ts";

/**
 * The device cgroup rules of a plan, each once. They belong into the OCI spec and not into the hook, so that a
 * `systemctl daemon-reload` rewrites them with the rest instead of taking the GPUs away. No "m": nobody needs mknod.
 */
export function deviceRules(plan: InjectionPlan): DeviceRule[] {
  const byNumber = new Map(plan.deviceNodes.map((node) => [`${node.major}:${node.minor}`, node]));
  return [...byNumber.values()].map(({ major, minor }) => ({ allow: true, type: "c", major, minor, access: "rw" }));
}
