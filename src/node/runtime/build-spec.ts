import { withAnnotations } from "./modifiers/annotations.ts";
import { withCapabilities } from "./modifiers/capabilities.ts";
import { withHooks } from "./modifiers/hooks.ts";
import { withMounts } from "./modifiers/mounts.ts";
import { withNamespaces } from "./modifiers/namespaces.ts";
import { withPathProtection } from "./modifiers/path-protection.ts";
import { withProcess } from "./modifiers/process.ts";
import { withResources } from "./modifiers/resources.ts";
import { withRlimits } from "./modifiers/rlimits.ts";
import { withSeccomp } from "./modifiers/seccomp.ts";
import { withUser } from "./modifiers/user.ts";
import { withUserNamespace } from "./modifiers/user-namespace.ts";
import type { OciSpec } from "./oci-spec.ts";
import type { SpecInput } from "./spec-input.ts";

/** One concern of the spec. Pure; never changes what it was given. */
export type SpecModifier = (spec: OciSpec, input: SpecInput) => OciSpec;

const MODIFIERS: readonly SpecModifier[] = [
  withProcess,
  withUser,
  withCapabilities,
  withRlimits,
  withSeccomp,
  withNamespaces,
  withUserNamespace,
  withMounts,
  withPathProtection,
  withResources,
  withHooks,
  withAnnotations,
];

/**
 * The OCI runtime spec of one container, locked down by default.
 * @throws BerthError invalid_request, image_invalid (no command, bad environment, bad working directory)
 */
export function buildSpec(input: SpecInput): OciSpec {
  return MODIFIERS.reduce((spec, modify) => modify(spec, input), emptySpec(input));
}

function emptySpec(input: SpecInput): OciSpec {
  return {
    ociVersion: "1.0.2",
    hostname: input.hostname,
    root: { path: input.rootfs, readonly: input.readonlyRootfs },
    process: {
      terminal: false,
      user: { uid: 0, gid: 0, additionalGids: [] },
      args: [],
      env: [],
      cwd: "/",
      capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
      rlimits: [],
      noNewPrivileges: true,
      oomScoreAdj: 0,
    },
    mounts: [],
    annotations: {},
    linux: {
      cgroupsPath: input.cgroupsPath,
      namespaces: [],
      resources: { devices: [], pids: { limit: input.resources.pidsLimit } },
      maskedPaths: [],
      readonlyPaths: [],
    },
  };
}
