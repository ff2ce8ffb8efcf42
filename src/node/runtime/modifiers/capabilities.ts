import type { OciSpec } from "../oci-spec.ts";
import type { SpecInput } from "../spec-input.ts";

/** podman's eleven: Docker's fourteen without MKNOD, NET_RAW and AUDIT_WRITE, which no training job needs. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_NET_BIND_SERVICE",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/** The default set, less what the agent itself does not hold: asking for more makes the runtime fail. */
export function withCapabilities(spec: OciSpec, input: SpecInput): OciSpec {
  const granted = grantedCapabilities(input.agent.capabilities);
  // Inheritable and ambient stay empty: with either, a program without file capabilities would keep them (CVE-2022-24769).
  const capabilities = { bounding: granted, effective: granted, permitted: granted, inheritable: [], ambient: [] };
  return { ...spec, process: { ...spec.process, capabilities } };
}

/** `held` are the agent's own, by the names of capabilities(7). */
export function grantedCapabilities(held: readonly string[]): string[] {
  return DEFAULT_CAPABILITIES.filter((name) => held.includes(name));
}
